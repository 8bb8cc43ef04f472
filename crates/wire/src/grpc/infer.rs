//! `ModelInfer`: one request, one response.

use std::sync::Arc;

use tokio::sync::oneshot;
use trilith_core::trace::Trace;
use trilith_core::{Code, Error, Fault, Request, Response, Result, Wording};
use trilith_engine::{Answer, Attendance, Engine, Reply};

use super::call::Forwarded;
use super::convert_request::{Converted, convert};
use super::convert_response;
use super::draft::{Draft, address};
use super::pieces::Pieces;
use crate::awaited::Withdrawal;
use crate::context::Context;
use crate::shared_memory::Placements;
use crate::tracing::{Arrival, noting};

/// How messages are read, among the forms of words.
const FORM: u64 = u64::MAX;

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
        (forwarded, words): (Forwarded, Option<Wording>),
        arrival: Option<&Arrival>,
    ) -> Result<Self> {
        let draft = Draft::read(message)?;
        let trace = arrival.and_then(|arrival| arrival.sample(&context.tracing, &draft.model));
        let Converted { mut request, references, .. } = convert(draft)?;
        request.trace.clone_from(&trace);
        request.wording = words.filter(|_| references.is_empty());
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

/// The answer to a message that came before, whose model's answers are kept, or its words, for when it comes again;
/// nothing where there are no words that say all.
pub(super) fn answer_again(engine: &Engine, message: &Pieces) -> Result<Pieces, Option<Wording>> {
    let known = |text: &[u8]| {
        let (model, version) = address(text)?;
        engine.model(model, version).ok().filter(|model| model.takes_words(text.len()))
    };
    let Some((model, text)) = message.whole().and_then(|text| Some((known(text)?, text))) else {
        return Err(None);
    };
    let words = Wording { form: FORM, text: text.clone(), note: 0 };
    // Whatever else the message says of its model: words are known where reading them led, and nowhere else.
    match engine.recall(&model, &words) {
        Some(again) => Ok(convert_response::unary(&again.response)),
        None => Err(Some(words)),
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
