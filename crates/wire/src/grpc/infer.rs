//! `ModelInfer`: one request, one response.

use std::sync::Arc;

use tokio::sync::oneshot;
use trilith_core::trace::Trace;
use trilith_core::{Code, Error, Fault, Request, Response, Result};
use trilith_engine::{Answer, Attendance, Engine, Reply};

use super::call::Forwarded;
use super::convert_request::{Converted, convert};
use super::convert_response;
use super::draft::Draft;
use super::pieces::Pieces;
use crate::awaited::Withdrawal;
use crate::context::Context;
use crate::shared_memory::Placements;
use crate::tracing::{Arrival, noting};

/// A request on its way. Dropping it withdraws it.
pub(super) struct Inference {
    receiver: oneshot::Receiver<Result<Response>>,
    withdrawal: Withdrawal,
    placements: Placements,
    _attendance: Attendance,
    /// Who notes what becomes of it, where it is traced.
    pub(super) trace: Option<Arc<dyn Trace>>,
}

impl Inference {
    /// Sends a `ModelInferRequest` on its way.
    pub(super) fn begin(
        context: &Context,
        message: Pieces,
        forwarded: Forwarded,
        arrival: Option<&Arrival>,
    ) -> Result<Self> {
        let draft = Draft::read(message)?;
        let trace = arrival.and_then(|arrival| arrival.sample(&context.tracing, &draft.model));
        let Converted { mut request, references, .. } = convert(draft)?;
        request.trace.clone_from(&trace);
        for (name, value) in forwarded {
            request.parameters.insert(name, value);
        }
        let placements = Placements::resolve(&context.shared_memory, references, &mut request)?;
        refuse_decoupled(&context.engine, &request)?;
        let (sender, receiver) = oneshot::channel();
        let reply = SingleReply { sender: Some(sender), responses: 0, first: None };
        let attendance = Attendance::begin();
        let ticket = context.engine.infer(request, noting(Box::new(reply), trace.as_ref()));
        let withdrawal = Withdrawal::of(ticket);
        Ok(Self { receiver, withdrawal, placements, _attendance: attendance, trace })
    }

    /// Waits for the answer: a framed `ModelInferResponse`.
    pub(super) async fn answer(&mut self) -> Result<Pieces> {
        let result = self.withdrawal.wait(&mut self.receiver).await;
        let mut response =
            result.unwrap_or_else(|| Err(Error::internal("the request was dropped without an answer")))?;
        self.placements.settle(&mut response)?;
        Ok(convert_response::unary(&response))
    }
}

fn refuse_decoupled(engine: &Engine, request: &Request) -> Result<()> {
    // A model that cannot be had is refused by the engine, which counts it.
    match engine.model(&request.model, request.version) {
        Ok(model) if model.spec().decoupled => {
            let message = format!(
                "model '{}' is decoupled: it may answer a request any number of times, ModelInfer takes one answer",
                request.model
            );
            Err(Error::new(Code::Unimplemented, Fault::Client, message).with_hint("call ModelStreamInfer"))
        }
        _ => Ok(()),
    }
}

/// Waits for the end and passes on the one response that came.
struct SingleReply {
    sender: Option<oneshot::Sender<Result<Response>>>,
    responses: usize,
    first: Option<Result<Response>>,
}

impl Reply for SingleReply {
    fn send(&mut self, answer: Answer) {
        if let Some(result) = answer.result {
            self.responses += 1;
            self.first.get_or_insert(result);
        }
        let Some(sender) = self.sender.take_if(|_| answer.is_final) else {
            return;
        };
        let result = match (self.responses, self.first.take()) {
            (1, Some(result)) => result,
            (count, _) => {
                Err(Error::model(format!("the model gave {count} responses to a request that takes one")))
            }
        };
        // The caller may be gone; then nobody waits for it.
        let _ = sender.send(result);
    }
}
