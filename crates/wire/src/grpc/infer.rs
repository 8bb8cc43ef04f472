//! `ModelInfer`: one request, one response.

use tokio::sync::oneshot;
use tonic::Status;
use trilith_core::{Code, Error, Fault, Request, Response, Result};
use trilith_engine::{Answer, Engine, Reply, Ticket};

use super::convert_request::convert;
use super::convert_response;
use super::draft::Draft;
use super::pieces::Pieces;
use super::status::from_error;
use crate::context::Context;

/// Answers one `ModelInferRequest` with a framed `ModelInferResponse`. Dropping it withdraws the request.
pub(super) async fn infer(context: &Context, message: Pieces) -> Result<Pieces, Status> {
    let request = Draft::read(message).and_then(convert).map_err(|error| from_error(&error))?.request;
    let response = run(&context.engine, request).await.map_err(|error| from_error(&error))?;
    Ok(convert_response::unary(&response))
}

async fn run(engine: &Engine, request: Request) -> Result<Response> {
    refuse_decoupled(engine, &request)?;
    let (sender, receiver) = oneshot::channel();
    let ticket =
        engine.infer(request, Box::new(SingleReply { sender: Some(sender), responses: 0, first: None }));
    let withdrawal = Withdrawal(Some(ticket));
    let result = receiver.await;
    withdrawal.answered();
    result.unwrap_or_else(|_| Err(Error::internal("the request was dropped without an answer")))
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

/// Withdraws a request when dropped before it was answered.
pub(super) struct Withdrawal(pub(super) Option<Ticket>);

impl Withdrawal {
    /// There is nothing left to withdraw.
    pub(super) fn answered(mut self) {
        self.0 = None;
    }
}

impl Drop for Withdrawal {
    fn drop(&mut self) {
        if let Some(ticket) = self.0.take() {
            ticket.cancel();
        }
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
