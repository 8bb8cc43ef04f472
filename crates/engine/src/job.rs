//! One request inside a batch.

use std::sync::Arc;

use parking_lot::Mutex;
use trilith_core::{Code, Error, Fault, Request, Response, Result, Tensor};

use crate::clock::Nanos;
use crate::model::Model;
use crate::outputs;
use crate::pending::Pending;
use crate::sequencing::state;
use crate::statistics::ledger::{Execution, Outcome, Phases};

/// One request inside a batch, answered exactly once: a job that is dropped unanswered answers itself
/// with an internal error that names the model.
pub struct Job {
    pending: Box<Pending>,
    /// Where the jobs of a batch that was taken apart meet again to be counted.
    tally: Option<Arc<Tally>>,
}

impl Job {
    pub(crate) fn new(pending: Box<Pending>) -> Self {
        Self { pending, tally: None }
    }

    /// The request, checked: every input is known, in the order of the signature, with extents as the backend sees
    /// them (`reshape` applied), of the right datatype and as many bytes as its shape says.
    pub fn request(&self) -> &Request {
        &self.pending.request
    }

    /// How much of the batch dimension it takes; 1 where the model has none.
    pub fn batch_size(&self) -> usize {
        self.pending.batch_size as usize
    }

    /// Whether nobody waits for the answer any more.
    pub fn is_cancelled(&self) -> bool {
        self.pending.request.cancellation.is_cancelled()
    }

    /// Answers, finally. Outputs are checked against the signature (name, datatype, rank, extents, byte size), put in
    /// the order and selection that was requested; a wrong one becomes a model error that names it. The response's
    /// model, version and id are filled in here.
    ///
    /// An error given here is the model's own answer to this request and counts as a success in the statistics, as
    /// Triton counts it; for an execution that failed see [`Job::fail`].
    pub fn finish(mut self, result: Result<Response>) {
        let own_error = result.is_err();
        let result = result.and_then(|response| self.complete(response));
        let answered = own_error || result.is_ok();
        self.conclude(Some(result), answered);
    }

    /// Answers, finally, with outputs that were checked already, as the clients see them.
    pub(crate) fn finish_checked(mut self, response: Response) {
        let result = self.respond(response);
        let answered = result.is_ok();
        self.conclude(Some(result), answered);
    }

    /// Answers with an error because the execution failed; it counts as a failure in the statistics.
    pub fn fail(mut self, error: Error) {
        self.conclude(Some(Err(error)), false);
    }

    /// Answers without ending: more may follow. Checked like the answer of [`Job::finish`].
    ///
    /// Fails, and sends nothing, where the model is not decoupled.
    pub fn send(&mut self, result: Result<Response>) -> Result<()> {
        self.require_decoupled()?;
        let result = result.and_then(|response| self.complete(response));
        self.send_checked(result);
        Ok(())
    }

    /// Answers without ending, with outputs that were checked already.
    pub(crate) fn send_checked(&mut self, result: Result<Response>) {
        self.pending.outlet.send(result);
    }

    /// Ends a request to which nothing (more) is answered. On a model that is not decoupled the client gets a model
    /// error in place of the answer that is missing.
    pub fn finish_without_response(mut self) {
        if self.pending.model.spec().decoupled {
            self.conclude(None, true);
        } else {
            let message = format!("{} gave no response", self.pending.model.title());
            self.conclude(Some(Err(Error::model(message))), false);
        }
    }

    fn require_decoupled(&self) -> Result<()> {
        if self.pending.model.spec().decoupled {
            return Ok(());
        }
        let message = format!("{} must answer each request exactly once", self.pending.model.title());
        Err(Error::new(Code::Unimplemented, Fault::Model, message)
            .with_hint("set 'model_transaction_policy { decoupled: true }' to answer any number of times"))
    }

    /// Checks and completes a response to this request.
    fn complete(&self, mut response: Response) -> Result<Response> {
        let rows = self.batch_size();
        outputs::check(self.pending.model.run_signature(), &mut response.outputs, rows)?;
        self.respond(response)
    }

    /// Completes a response whose outputs were checked.
    pub(crate) fn respond(&self, mut response: Response) -> Result<Response> {
        let spec = self.pending.model.spec();
        let signature = &spec.signature;
        let request = &self.pending.request;
        let states = self.pending.model.states();
        let memory = self.pending.memory.as_deref();
        let rest = state::collect(states, signature, request, &mut response.outputs, memory);
        response.outputs = outputs::select(signature, request, response.outputs, spec.decoupled)?;
        response.outputs.extend(rest);
        response.model.clone_from(&signature.model);
        response.version = signature.version;
        response.id.clone_from(&request.id);
        Ok(response)
    }

    /// Completes the outputs that fell to this request from a batch.
    pub(crate) fn respond_with(&self, outputs: Vec<Tensor>) -> Result<Response> {
        self.respond(Response { outputs, ..Response::default() })
    }

    /// How it ends, for the statistics, which do not count what only fills a row.
    pub(crate) fn outcome(&self, answered: bool, ended: u64) -> Option<Outcome> {
        let Pending { queued, batch_size, .. } = *self.pending;
        (!self.pending.padding).then_some(Outcome { queued, ended, batch_size, answered })
    }

    /// Hands the request back to be run again, in place of an answer: its model makes a sequence of each request.
    pub fn hand_back(mut self) {
        if let Some(tally) = self.tally.take() {
            tally.add(None);
        }
        if !self.pending.outlet.hand_back() {
            let model = Arc::clone(&self.pending.model);
            model.hand_back(std::mem::replace(&mut self.pending, Pending::spent(&model)));
        }
    }

    /// Answers; the statistics have it already.
    pub(crate) fn answer(mut self, result: Result<Response>) {
        self.pending.outlet.finish(Some(result));
    }

    pub(crate) fn join(&mut self, tally: Arc<Tally>) {
        self.tally = Some(tally);
    }

    /// Counts first, then answers: who got an answer finds it counted.
    fn conclude(&mut self, result: Option<Result<Response>>, answered: bool) {
        let ended = self.pending.model.clock().now();
        if let Some(tally) = self.tally.take() {
            self.note_times(&tally.phases, ended);
            tally.add(self.outcome(answered, ended));
        }
        self.pending.outlet.finish(result);
    }

    /// Tells the larger request, where this one is a part, what its execution took.
    pub(crate) fn note_times(&self, phases: &Phases, ended: Nanos) {
        if let Some(sums) = &self.pending.request.compute {
            sums.add(phases.times(ended));
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if !self.pending.outlet.is_spent() {
            let message = format!("{} dropped the request without an answer", self.pending.model.title());
            self.conclude(Some(Err(Error::internal(message))), false);
        }
    }
}

/// Collects how the jobs of one execution end; the last one hands it to the statistics.
pub(crate) struct Tally {
    model: Arc<Model>,
    phases: Phases,
    left: Mutex<(usize, Execution)>,
}

impl Tally {
    pub(crate) fn new(model: Arc<Model>, jobs: usize, execution: Execution) -> Self {
        Self { model, phases: execution.phases, left: Mutex::new((jobs, execution)) }
    }

    fn add(&self, outcome: Option<Outcome>) {
        let mut left = self.left.lock();
        left.0 = left.0.saturating_sub(1);
        left.1.outcomes.extend(outcome);
        if left.0 == 0 {
            self.model.ledger().record(&left.1, self.model.clock().as_ref());
        }
    }
}
