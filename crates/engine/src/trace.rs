//! What is noted of the requests that are traced; of the others nothing is, and no clock is read for them.

use trilith_core::trace::{Activity, Event};
use trilith_core::{Request, Response, Result, Signature};

use crate::clock::{Clock, Nanos};
use crate::statistics::ledger::Phases;

/// When a traced request came in.
pub(crate) fn arrival(request: &Request, clock: &dyn Clock) -> Option<Nanos> {
    request.trace.as_ref().map(|_| clock.now())
}

/// Notes that a request is about to be queued.
pub(crate) fn note_queued(signature: &Signature, request: &Request, arrived: Option<Nanos>, queued: Nanos) {
    let Some(trace) = &request.trace else { return };
    let arrived = arrived.unwrap_or(queued);
    trace.begin(signature, &request.id, arrived);
    trace.mark_at(Event::RequestStart, arrived);
    trace.mark_at(Event::QueueStart, queued);
    trace.note_tensors(Activity::QueueInput, &request.inputs);
}

/// Notes one of the answers to a request.
pub(crate) fn note_answer(request: &Request, result: &Result<Response>) {
    if let (Some(trace), Ok(response)) = (&request.trace, result) {
        trace.note_tensors(Activity::BackendOutput, &response.outputs);
    }
}

/// Notes how a request was run.
pub(crate) fn note_run(request: &Request, phases: &Phases, ended: Nanos) {
    let Some(trace) = &request.trace else { return };
    let inputs_ready = phases.inputs_ready.unwrap_or(phases.taken);
    trace.mark_at(Event::ComputeStart, phases.taken);
    trace.mark_at(Event::ComputeInputEnd, inputs_ready);
    trace.mark_at(Event::ComputeOutputStart, phases.executed.unwrap_or(ended));
    trace.mark_at(Event::ComputeEnd, ended);
}

/// Notes that a request had its last answer.
pub(crate) fn note_end(request: &Request) {
    if let Some(trace) = &request.trace {
        trace.mark(Event::RequestEnd);
    }
}
