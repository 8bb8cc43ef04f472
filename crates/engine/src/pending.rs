//! A request that was admitted and not yet answered.

use std::sync::Arc;

use trilith_core::request::flags;
use trilith_core::{CorrelationId, Error, Request, Response, Result};

use crate::clock::Nanos;
use crate::model::Model;
use crate::reply::Outlet;
use crate::schedule::queue::Waiting;
use crate::schedule::sequence::Sequential;
use crate::sequencing::Memory;
use crate::statistics::ledger::Failure;
use crate::trace;

/// A request between admission and answer. Dropped unanswered it answers itself, so that none is ever lost.
pub(crate) struct Pending {
    pub request: Request,
    pub model: Arc<Model>,
    pub batch_size: u32,
    pub queued: Nanos,
    pub outlet: Outlet,
    /// Where the states of its sequence are kept.
    pub memory: Option<Arc<Memory>>,
    /// Whether it only fills a row of the batch, and nobody waits for it.
    pub padding: bool,
    /// Responses that were given to it so far, counted for models that may give several.
    pub responses: u32,
}

impl Pending {
    /// Answers a request that will not run.
    pub(crate) fn refuse(mut self: Box<Self>, error: Error, reason: Failure) {
        self.fail(error, reason);
    }

    /// Answers a request that was never accepted, which statistics do not count.
    pub(crate) fn turn_away(mut self: Box<Self>, error: Error) {
        self.finish(Some(Err(error)));
    }

    /// Gives the last answer; what comes after it is dropped.
    pub(crate) fn finish(&mut self, result: Option<Result<Response>>) {
        self.outlet.finish(result);
        trace::note_end(&self.request);
    }

    fn fail(&mut self, error: Error, reason: Failure) {
        let waited = self.model.clock().now().saturating_sub(self.queued);
        self.model.ledger().record_failure(reason, waited);
        self.finish(Some(Err(error)));
    }
}

impl Pending {
    /// What is left in the place of a request that went on elsewhere.
    pub(crate) fn spent(model: &Arc<Model>) -> Box<Self> {
        Box::new(Self {
            request: Request::default(),
            model: Arc::clone(model),
            batch_size: 1,
            queued: 0,
            outlet: Outlet::Spent,
            memory: None,
            padding: true,
            responses: 0,
        })
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.outlet.is_spent() {
            let error = Error::internal(format!("{} ended without an answer", self.model.title()));
            self.fail(error, Failure::Other);
        }
    }
}

impl Waiting for Box<Pending> {
    fn size(&self) -> u32 {
        self.batch_size
    }

    fn is_cancelled(&self) -> bool {
        self.request.cancellation.is_cancelled()
    }

    /// Inputs of both are in the order of the signature, so that they can be compared pairwise.
    fn goes_with(&self, other: &Self) -> bool {
        if !self.model.has_varying_inputs() {
            return true;
        }
        let (mine, others) = (&self.request.inputs, &other.request.inputs);
        mine.len() == others.len()
            && mine.iter().zip(others).all(|(left, right)| {
                left.name == right.name
                    && (left.shape.get(1..) == right.shape.get(1..) || self.model.is_ragged(&left.name))
            })
    }
}

impl Sequential for Box<Pending> {
    fn correlation_id(&self) -> &CorrelationId {
        &self.request.correlation_id
    }

    fn is_start(&self) -> bool {
        self.request.flags & flags::SEQUENCE_START != 0
    }

    fn is_end(&self) -> bool {
        self.request.flags & flags::SEQUENCE_END != 0
    }

    fn patience(&self) -> Nanos {
        self.request.timeout_microseconds.saturating_mul(1000)
    }
}
