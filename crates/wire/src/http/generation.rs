//! `generate` and `generate_stream`: from a body to one answer, or to a stream of events.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use trilith_core::trace::{Event, Trace};
use trilith_core::{Error, Flow, Request, Result};
use trilith_engine::{Answer, Engine};

use super::compress::{self, Encoding};
use super::endpoint::Endpoint;
use super::json::Writer;
use super::reply::{self, Refusal};
use super::{body, generate};
use crate::awaited::Withdrawal;
use crate::listen::{ReplyBody, RequestBody};
use crate::tracing::noting;

impl Endpoint {
    /// Answers a generate request, as one JSON object or as a stream of events.
    pub(super) async fn generate(
        &self,
        (model, version): (&str, Option<i64>),
        headers: &HeaderMap,
        content: RequestBody,
        is_stream: bool,
    ) -> Result<Response<ReplyBody>, Refusal> {
        let trace = self.sample(model, headers);
        let answer =
            self.generate_traced((model, version), headers, content, (is_stream, trace.as_ref())).await;
        match trace {
            None => answer,
            Some(trace) => Ok(reply::traced(answer, trace)),
        }
    }

    async fn generate_traced(
        &self,
        (model, version): (&str, Option<i64>),
        headers: &HeaderMap,
        content: RequestBody,
        (is_stream, trace): (bool, Option<&Arc<dyn Trace>>),
    ) -> Result<Response<ReplyBody>, Refusal> {
        let encoding = match Encoding::of_content(headers.get(CONTENT_ENCODING)) {
            Ok(encoding) => encoding,
            Err(problem) => return Ok(reply::unknown_encoding(problem)),
        };
        let mut content = body::collect(content, self.limits).await?;
        if let Some(trace) = trace {
            trace.mark(Event::HttpReceiveEnd);
        }
        if let Some(encoding) = encoding {
            content = compress::decompress(&content, encoding, self.limits.size)?.into();
        }
        let served = self.context.engine.model(model, version)?;
        let mut request = generate::decode(&served.spec().signature, version, &content.to_bytes())?;
        request.trace = trace.cloned();
        if let Some(pattern) = &self.forward {
            pattern.forward(headers, &mut request)?;
        }
        let mut answers = Answers::begin(&self.context.engine, request);
        if is_stream { stream(answers).await } else { answers.only_one().await }
    }
}

/// The answers to one request. Dropping them withdraws it.
struct Answers {
    receiver: UnboundedReceiver<Answer>,
    flow: Flow,
    withdrawal: Withdrawal,
    /// Whether the request was refused before it reached the model.
    was_refused: bool,
}

impl Answers {
    fn begin(engine: &Engine, mut request: Request) -> Self {
        let (sender, receiver) = unbounded_channel();
        let flow = Flow::new();
        request.flow = Some(flow.clone());
        let noted = flow.clone();
        let reply = move |answer: Answer| {
            noted.note_sent(byte_size(&answer));
            // The client may be gone; then nobody waits for the answer.
            let _ = sender.send(answer);
        };
        let reply = noting(Box::new(reply), request.trace.as_ref());
        let ticket = engine.infer(request, reply);
        let was_refused = ticket.was_refused();
        Self { receiver, flow, withdrawal: Withdrawal::of(ticket), was_refused }
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Answer>> {
        let next = self.receiver.poll_recv(context);
        if let Poll::Ready(Some(answer)) = &next {
            self.flow.note_read(byte_size(answer));
            if answer.is_final {
                self.withdrawal.forget();
            }
        }
        next
    }

    async fn next(&mut self) -> Result<Answer> {
        let next = std::future::poll_fn(|context| self.poll_next(context)).await;
        next.ok_or_else(|| Error::internal("the request was lost on its way to the model"))
    }

    /// The answer of a model that is expected to give exactly one. As in Triton, the first one sets the status.
    async fn only_one(&mut self) -> Result<Response<ReplyBody>, Refusal> {
        let mut first = None;
        let mut count = 0;
        let mut status = StatusCode::OK;
        loop {
            let Answer { result, is_final } = self.next().await?;
            if let Some(result) = result {
                count += 1;
                if first.is_none() {
                    status = status_of(&result);
                    first = Some(result);
                }
            }
            if is_final {
                break;
            }
        }
        let mut json = Writer::with_capacity(256);
        match first {
            Some(result) if count == 1 => write(&mut json, result),
            _ => generate::encode_error(&mut json, &wrong_count(count)),
        }
        let mut response = reply::json(json.0);
        *response.status_mut() = status;
        Ok(response)
    }
}

fn byte_size(answer: &Answer) -> usize {
    answer
        .result
        .as_ref()
        .and_then(|result| result.as_ref().ok())
        .map_or(0, trilith_core::Response::byte_size)
}

fn wrong_count(count: usize) -> Error {
    Error::model(format!("generate takes exactly 1 response, the model gave {count}"))
        .with_hint("use generate_stream for a model that answers any number of times")
}

fn status_of(result: &Result<trilith_core::Response>) -> StatusCode {
    let status = result.as_ref().err().map(|error| StatusCode::from_u16(error.code.http_status()));
    status.map_or(StatusCode::OK, |status| status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
}

/// Writes a response, or what went wrong, as one JSON object.
fn write(json: &mut Writer, result: Result<trilith_core::Response>) {
    let start = json.0.len();
    if let Err(error) = result.and_then(|response| generate::encode(json, &response)) {
        json.0.truncate(start);
        generate::encode_error(json, &error);
    }
}

fn event(result: Result<trilith_core::Response>) -> Bytes {
    let mut json = Writer::with_capacity(256);
    json.raw("data: ");
    write(&mut json, result);
    json.raw("\n\n");
    json.0.into()
}

/// The answers as server-sent events. The first one sets the status; what is refused before it reaches the model is
/// no stream.
async fn stream(mut answers: Answers) -> Result<Response<ReplyBody>, Refusal> {
    let first = answers.next().await?;
    let status = match first.result.as_ref() {
        Some(Err(error)) if answers.was_refused => return Err(error.clone().into()),
        Some(result) => status_of(result),
        None => StatusCode::OK,
    };
    let events = Events { has_ended: first.is_final, first: first.result.map(event), answers };
    let mut response = Response::new(ReplyBody::stream(Box::pin(events)));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/event-stream; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(response)
}

/// The body of a stream of events.
struct Events {
    first: Option<Bytes>,
    answers: Answers,
    has_ended: bool,
}

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        while !self.has_ended {
            let Poll::Ready(next) = self.answers.poll_next(context) else { return Poll::Pending };
            let Some(Answer { result, is_final }) = next else { break };
            self.has_ended = is_final;
            if let Some(result) = result {
                return Poll::Ready(Some(Ok(Frame::data(event(result)))));
            }
        }
        Poll::Ready(None)
    }
}
