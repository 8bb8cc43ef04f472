//! Batches that run in another process: made again there, answered here.
//!
//! The process that runs a batch has a [`Model`] of the same signature. It makes the batch again with
//! [`Batch::assemble`], where outputs are checked as everywhere; its answers come back and reach the requests that wait
//! with [`Job::settle`].

use std::sync::Arc;

use trilith_core::{Fault, Request, Response, Result};

use crate::batch::{Batch, Job};
use crate::model::{InFlight, Model};
use crate::pending::Pending;
use crate::reply::{Outlet, Recipient, Reply};

impl Batch {
    /// A batch of requests that were admitted and scheduled elsewhere, for a model of the same signature.
    pub fn assemble(model: &Arc<Model>, requests: Vec<(Request, Box<dyn Reply>)>) -> Self {
        let now = model.clock().now();
        let requests = requests
            .into_iter()
            .map(|(request, reply)| {
                let outlet = Outlet::Direct(Recipient::new(reply, InFlight::new(model)));
                let batch_size = rows(model, &request);
                Box::new(Pending {
                    request,
                    model: Arc::clone(model),
                    batch_size,
                    queued: now,
                    outlet,
                    memory: None,
                    padding: false,
                    responses: 0,
                })
            })
            .collect();
        Self::new(Arc::clone(model), requests, now)
    }
}

fn rows(model: &Model, request: &Request) -> u32 {
    if !model.spec().signature.is_batched() {
        return 1;
    }
    let extent = request.inputs.first().and_then(|input| input.shape.first());
    extent.and_then(|extent| u32::try_from(*extent).ok()).unwrap_or(1)
}

impl Job {
    /// Answers without ending, with what another process made of this request and checked there.
    pub fn relay(&mut self, result: Result<Response>) {
        self.send_checked(result);
    }

    /// Answers, finally, with what another process made of this request: outputs that were checked there, the model's
    /// own refusal (the fault is the client's), or a failed execution (the fault is the model's or the server's).
    pub fn settle(self, result: Result<Response>) {
        match result {
            Ok(response) => self.finish_checked(response),
            Err(error) if error.fault == Fault::Client => self.finish(Err(error)),
            Err(error) => self.fail(error),
        }
    }
}
