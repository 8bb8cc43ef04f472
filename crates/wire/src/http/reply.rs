//! Answers and their headers.

use std::sync::Arc;

use hyper::header::{ACCEPT_ENCODING, ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Response, StatusCode};
use trilith_core::trace::{Event, Trace};
use trilith_core::{Code, Error};

use super::json::Writer;
use crate::listen::ReplyBody;
use crate::tracing::Sending;

/// An error, and the status that tells it.
pub(super) struct Refusal {
    error: Error,
    status: StatusCode,
}

impl Refusal {
    /// An error where the protocol asks for a status that its code does not have.
    pub(super) fn new(error: Error, status: StatusCode) -> Self {
        Self { error, status }
    }
}

impl From<Error> for Refusal {
    /// By the one table of statuses.
    fn from(error: Error) -> Self {
        let status = status(error.code);
        Self { error, status }
    }
}

/// An answer, or the error in its place, whose sending is noted.
pub(super) fn traced(
    answer: Result<Response<ReplyBody>, Refusal>,
    trace: Arc<dyn Trace>,
) -> Response<ReplyBody> {
    let mut response = answer.unwrap_or_else(|problem| error(&problem));
    let sending = Sending::begin(trace, (Event::HttpSendStart, Event::HttpSendEnd));
    response.body_mut().keep(sending);
    response
}

/// An answer that says yes and nothing else.
pub(super) fn empty() -> Response<ReplyBody> {
    Response::new(ReplyBody::default())
}

/// A JSON answer.
pub(super) fn json(body: impl Into<ReplyBody>) -> Response<ReplyBody> {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The answer for an error.
pub(super) fn error(refusal: &Refusal) -> Response<ReplyBody> {
    let mut text = Writer::with_capacity(128);
    text.raw("{\"error\":").string(&refusal.error.full_text()).raw("}");
    let mut response = json(text.0);
    *response.status_mut() = refusal.status;
    response
}

/// The answer for a path that is asked by another method.
pub(super) fn wrong_method(allowed: &Method, given: &Method) -> Response<ReplyBody> {
    let message = format!("Method Not Allowed: this path takes {allowed}, {given} was given");
    let mut response = error(&Refusal::new(Error::invalid(message), StatusCode::METHOD_NOT_ALLOWED));
    let allow = if *allowed == Method::POST { "POST" } else { "GET" };
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    response
}

/// The answer for a path that is read and written, asked by yet another method.
pub(super) fn neither_get_nor_post(given: &Method) -> Response<ReplyBody> {
    let mut response = wrong_method(&Method::GET, given);
    let message = format!("Method Not Allowed: this path takes GET and POST, {given} was given");
    let text = error(&Refusal::new(Error::invalid(message), StatusCode::METHOD_NOT_ALLOWED));
    *response.body_mut() = text.into_body();
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, POST"));
    response
}

/// The answer for a body in an encoding that is not known; it names those that are.
pub(super) fn unknown_encoding(problem: Error) -> Response<ReplyBody> {
    let mut response = error(&problem.into());
    response.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip, deflate"));
    response
}

fn status(code: Code) -> StatusCode {
    StatusCode::from_u16(code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
