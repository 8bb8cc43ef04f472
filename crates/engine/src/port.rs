//! Where instances take their batches.

use std::sync::Arc;
use std::task::Waker;

use crate::batch::Batch;
use crate::calls::Seat;
use crate::clock::Nanos;
use crate::limits::Pass;
use crate::model::Model;

/// What an instance is to do next.
pub enum Turn {
    /// Run this.
    Batch(Box<Batch>),
    /// Nothing to run: the waker given will be called; ask again at `until` at the latest, if there is one.
    Wait {
        /// When a batch that is being collected must go.
        until: Option<Nanos>,
    },
    /// The model has ended.
    Closed,
}

/// The place from which one instance takes its batches. Dropping it takes the instance out of service.
pub struct Port {
    model: Arc<Model>,
    number: u64,
    /// Where instances are limited.
    pass: Option<Pass>,
}

impl Port {
    pub(crate) fn new(model: Arc<Model>, number: u64, pass: Option<Pass>) -> Self {
        Self { model, number, pass }
    }

    /// Asks for the next batch, without blocking.
    ///
    /// The waker is kept while the answer is [`Turn::Wait`] and called at most once; threads that block use a waker
    /// that unparks them, asynchronous tasks their own. Nothing is lost between the answer and the wake-up.
    pub fn next(&self, waker: &Waker) -> Turn {
        self.model.turn(self.number, self.pass.as_ref(), waker)
    }

    /// The place itself, for requests that are made while a batch runs there.
    pub fn seat(&self) -> Seat {
        Seat::new(Arc::clone(&self.model), self.number)
    }

    /// The model it belongs to.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.model.leave(self.number);
    }
}
