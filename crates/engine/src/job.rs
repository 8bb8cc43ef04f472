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
use crate::statistics::responses::{Came, Course};
use crate::trace;

/// One request inside a batch, answered exactly once: a job that is dropped unanswered answers itself
/// with an internal error that names the model.
pub struct Job {
    pending: Box<Pending>,
    /// Where the jobs of a batch that was taken apart meet again to be counted.
    tally: Option<Arc<Tally>>,
    /// When the model began with the response it makes now: when it ran, or when the last one was on its way.
    since: Nanos,
}

impl Job {
    pub(crate) fn new(pending: Box<Pending>) -> Self {
        Self { pending, tally: None, since: 0 }
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
        let result = self.take_response(result, Self::complete);
        let answered = own_error || result.is_ok();
        self.conclude(Some(result), answered);
    }

    /// Answers, finally, with outputs that were checked already, as the clients see them.
    pub(crate) fn finish_checked(mut self, response: Response) {
        let result = self.take_response(Ok(response), Self::respond);
        let answered = result.is_ok();
        self.conclude(Some(result), answered);
    }

    /// Answers with an error because the execution failed; it counts as a failure in the statistics.
    pub fn fail(mut self, error: Error) {
        self.count_end(Some(&error));
        self.conclude(Some(Err(error)), false);
    }

    /// Answers without ending: more may follow. Checked like the answer of [`Job::finish`].
    ///
    /// Fails, and sends nothing, where the model is not decoupled.
    pub fn send(&mut self, result: Result<Response>) -> Result<()> {
        self.require_decoupled()?;
        let result = self.take_response(result, Self::complete);
        self.pass_on(result);
        Ok(())
    }

    /// Answers without ending, with outputs that were checked already.
    pub(crate) fn send_checked(&mut self, result: Result<Response>) {
        let result = self.take_response(result, Self::respond);
        self.pass_on(result);
    }

    fn pass_on(&mut self, result: Result<Response>) {
        trace::note_answer(&self.pending.request, &result);
        self.pending.outlet.send(result);
    }

    /// Ends a request to which nothing (more) is answered. On a model that is not decoupled the client gets a model
    /// error in place of the answer that is missing.
    pub fn finish_without_response(mut self) {
        if self.pending.model.spec().decoupled {
            self.count_end(None);
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

    /// Makes of what the model gave what the client gets; counts it, where the model may give several.
    fn take_response(
        &mut self,
        given: Result<Response>,
        make: impl FnOnce(&Self, Response) -> Result<Response>,
    ) -> Result<Response> {
        if !self.counts_responses() {
            return given.and_then(|response| make(self, response));
        }
        let handed = self.pending.model.clock().now();
        let is_empty = given.as_ref().is_ok_and(|response| response.outputs.is_empty());
        let refused = given.is_err();
        let result = given.and_then(|response| make(self, response));
        let came = match &result {
            Ok(_) if is_empty => Came::Empty,
            Ok(_) => Came::Whole,
            Err(error) => self.came_to_nothing(error),
        };
        let outputs = (!is_empty && !refused).then_some(handed);
        self.count_response(came, outputs);
        result
    }

    /// Counts the end of a request to which no (further) response is given.
    fn count_end(&mut self, error: Option<&Error>) {
        if !self.counts_responses() {
            return;
        }
        let came = match error {
            Some(error) => self.came_to_nothing(error),
            None if self.is_cancelled() => Came::Cancelled,
            None => Came::Empty,
        };
        self.count_response(came, None);
    }

    fn came_to_nothing(&self, error: &Error) -> Came {
        if error.code == Code::Cancelled || self.is_cancelled() { Came::Cancelled } else { Came::Failed }
    }

    fn counts_responses(&self) -> bool {
        self.pending.model.spec().decoupled && !self.pending.padding
    }

    fn count_response(&mut self, came: Came, outputs: Option<Nanos>) {
        let ended = self.pending.model.clock().now();
        let course = Course { began: self.since, outputs, ended };
        self.pending.model.ledger().record_response(self.pending.responses, came, &course);
        self.pending.responses = self.pending.responses.saturating_add(1);
        self.since = ended;
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
    pub(crate) fn answer(mut self, result: Result<Response>, phases: &Phases) {
        if self.counts_responses() {
            self.since = phases.began();
            let (came, outputs) = match &result {
                Ok(_) => (Came::Whole, phases.executed),
                Err(error) => (self.came_to_nothing(error), None),
            };
            self.count_response(came, outputs);
        }
        self.pending.finish(Some(result));
    }

    /// Notes, where the request is traced, how it was run and what came of it.
    pub(crate) fn note(&self, phases: &Phases, ended: u64, result: Option<&Result<Response>>) {
        if let Some(result) = result {
            trace::note_answer(&self.pending.request, result);
        }
        trace::note_run(&self.pending.request, phases, ended);
    }

    pub(crate) fn join(&mut self, tally: Arc<Tally>) {
        self.since = tally.phases.began();
        self.tally = Some(tally);
    }

    /// Counts first, then answers: who got an answer finds it counted.
    fn conclude(&mut self, result: Option<Result<Response>>, answered: bool) {
        let ended = self.pending.model.clock().now();
        if let Some(tally) = self.tally.take() {
            self.note_times(&tally.phases, ended);
            if self.pending.request.trace.is_some() {
                self.note(&tally.phases, ended, result.as_ref());
            }
            tally.add(self.outcome(answered, ended));
        }
        self.pending.finish(result);
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
            let error = Error::internal(message);
            self.count_end(Some(&error));
            self.conclude(Some(Err(error)), false);
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
