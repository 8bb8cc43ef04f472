//! One inference, from its body to its answer.

use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use hyper::Response;
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use tokio::sync::oneshot;
use trilith_core::trace::{Event, Parent, Trace};
use trilith_core::{Code, Error, Fault, Payload, Request, Result, Wording};
use trilith_engine::{Answer, Attendance, Engine, Model};

use super::compress::{self, Encoding};
use super::endpoint::Endpoint;
use super::infer::{Decoded, Deliveries, Encoded, Target, decode, decode_raw, encode};
use super::reply::Refusal;
use super::{body, reply};
use crate::awaited::Withdrawal;
use crate::listen::{ReplyBody, RequestBody};
use crate::shared_memory::{Placements, References};
use crate::tracing::noting;

const HEADER_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");

/// Noted of words whose answer is binary.
const BINARY: u64 = 1;

impl Endpoint {
    /// Answers one inference.
    pub(super) async fn infer(
        &self,
        model: &str,
        version: Option<i64>,
        headers: &HeaderMap,
        content: RequestBody,
    ) -> Result<Response<ReplyBody>, Refusal> {
        let Some(trace) = self.sample(model, headers) else {
            return self.infer_traced((model, version), headers, content, None).await;
        };
        let answer = self.infer_traced((model, version), headers, content, Some(&trace)).await;
        Ok(reply::traced(answer, trace))
    }

    /// A trace for a request whose header has come, if it is to be traced.
    pub(super) fn sample(&self, model: &str, headers: &HeaderMap) -> Option<Arc<dyn Trace>> {
        let tracing = &self.context.tracing;
        if !tracing.is_active() {
            return None;
        }
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let parent = Parent { traceparent: text("traceparent"), tracestate: text("tracestate") };
        let trace = tracing.sample(model, parent)?;
        trace.mark(Event::HttpReceiveStart);
        Some(trace)
    }

    async fn infer_traced(
        &self,
        (model, version): (&str, Option<i64>),
        headers: &HeaderMap,
        content: RequestBody,
        trace: Option<&Arc<dyn Trace>>,
    ) -> Result<Response<ReplyBody>, Refusal> {
        let encoding = match Encoding::of_content(headers.get(CONTENT_ENCODING)) {
            Ok(encoding) => encoding,
            Err(problem) => return Ok(reply::unknown_encoding(problem)),
        };
        let header_length = header_length(headers)?;
        let accepted = Encoding::accepted(headers.get(ACCEPT_ENCODING));
        let mut content = body::collect(content, self.limits).await?;
        if let Some(trace) = trace {
            trace.mark(Event::HttpReceiveEnd);
        }
        if let Some(encoding) = encoding {
            content = compress::decompress(&content, encoding, self.limits.size)?.into();
        }
        let Decoded { mut request, deliveries, references } =
            match self.read((model, version), content, header_length, trace.is_some())? {
                ControlFlow::Break(encoded) => return Ok(respond(encoded, accepted)?),
                ControlFlow::Continue(decoded) => decoded,
            };
        request.trace = trace.cloned();
        if let Some(pattern) = &self.forward {
            pattern.forward(headers, &mut request)?;
        }
        let placements = Placements::resolve(&self.context.shared_memory, references, &mut request)?;
        let mut response = run(&self.context.engine, request).await?;
        placements.settle(&mut response)?;
        Ok(respond(encode(&response, &deliveries)?, accepted)?)
    }

    /// Reads a body; gives its answer where its model knows the words and has one.
    fn read(
        &self,
        (name, version): (&str, Option<i64>),
        content: Payload,
        header_length: Option<usize>,
        is_traced: bool,
    ) -> Result<ControlFlow<Encoded, Decoded>> {
        let model = self.find(name, version)?;
        let words = self.words(&model, &content, header_length).filter(|_| !is_traced);
        if let Some(again) = words.as_ref().and_then(|words| self.context.engine.recall(&model, words)) {
            let deliveries = Deliveries::All { is_binary: again.note == BINARY };
            return encode(&again.response, &deliveries).map(ControlFlow::Break);
        }
        let mut decoded = if header_length == Some(0) {
            decode_raw(&model.spec().signature, version, content)?
        } else {
            let target = Target { model: name, version, max_tensor_size: self.limits.size };
            decode(target, content, header_length)?
        };
        decoded.request.wording =
            words.and_then(|words| noted(words, &decoded.deliveries, &decoded.references));
        Ok(ControlFlow::Continue(decoded))
    }

    /// The model that is asked, which has to give one answer.
    fn find(&self, name: &str, version: Option<i64>) -> Result<Arc<Model>> {
        let model = self.context.engine.model(name, version)?;
        if model.spec().decoupled {
            return Err(Error::new(
                Code::Unimplemented,
                Fault::Client,
                format!("HTTP end point doesn't support models with decoupled transaction policy, and '{name}' is one"),
            )
            .with_hint("use gRPC's ModelStreamInfer, or generate_stream"));
        }
        Ok(model)
    }

    /// The words of a request, where they are all that it says and its model may know them.
    fn words(&self, model: &Model, content: &Payload, header_length: Option<usize>) -> Option<Wording> {
        let is_whole = header_length.is_none_or(|length| length <= content.len());
        if !is_whole || self.forward.is_some() || !model.takes_words(content.len()) {
            return None;
        }
        let [text] = content.pieces() else { return None };
        let form = header_length.map_or(0, |length| length as u64 + 1);
        Some(Wording { form, text: text.clone(), note: 0 })
    }
}

/// Words with how their answer travels; `None` where they do not say all, or answers travel in several ways.
fn noted(words: Wording, deliveries: &Deliveries, references: &References) -> Option<Wording> {
    match deliveries {
        Deliveries::All { is_binary } if references.is_empty() => {
            Some(Wording { note: if *is_binary { BINARY } else { 0 }, ..words })
        }
        _ => None,
    }
}

fn header_length(headers: &HeaderMap) -> Result<Option<usize>> {
    let Some(value) = headers.get(HEADER_LENGTH) else { return Ok(None) };
    let length = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    length.map(Some).ok_or_else(|| {
        Error::invalid(format!(
            "Unable to parse Inference-Header-Content-Length, got: {}; it is the number of bytes that the JSON takes",
            String::from_utf8_lossy(value.as_bytes())
        ))
    })
}

/// Runs a request. If this future is dropped, because the client has gone, the request is withdrawn.
async fn run(engine: &Engine, request: Request) -> Result<trilith_core::Response> {
    let (sender, mut receiver) = oneshot::channel();
    let mut sender = Some(sender);
    let mut kept = None;
    let reply = move |answer: Answer| {
        kept = answer.result.or_else(|| kept.take());
        if answer.is_final
            && let Some(sender) = sender.take()
        {
            // Nobody listens any more if the client has gone.
            let _ = sender.send(kept.take());
        }
    };
    let reply = noting(Box::new(reply), request.trace.as_ref());
    let _attendance = Attendance::begin();
    let answer = Withdrawal::of(engine.infer(request, reply)).wait(&mut receiver).await;
    match answer {
        Some(Some(result)) => result,
        Some(None) => Err(Error::model("the model ended the request without a response")),
        None => Err(Error::internal("the request was lost on its way to the model")),
    }
}

fn respond(encoded: Encoded, accepted: Option<Encoding>) -> Result<Response<ReplyBody>> {
    let header_length = encoded.header_length;
    let body = match accepted {
        None => ReplyBody::pieces(encoded.head, encoded.rest),
        Some(encoding) => packed(&encoded, encoding)?,
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    if let Some(length) = header_length {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        headers.insert(HEADER_LENGTH, HeaderValue::from(length));
    } else {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    if let Some(encoding) = accepted {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
    }
    Ok(response)
}

fn packed(encoded: &Encoded, encoding: Encoding) -> Result<ReplyBody> {
    let pieces = std::iter::once(&encoded.head).chain(&encoded.rest);
    compress::compress(pieces, encoding).map(|packed| ReplyBody::from(Bytes::from(packed)))
}
