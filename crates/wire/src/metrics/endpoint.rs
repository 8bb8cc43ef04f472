//! Answers `GET /metrics`.

use std::sync::Arc;

use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use super::MetricsOptions;
use super::custom;
use super::host::Host;
use super::render;
use crate::context::Context;
use crate::listen::{Handler, ReplyBody, RequestBody};

/// The metrics endpoint of one server.
pub(super) struct Endpoint {
    context: Arc<Context>,
    host: Option<Host>,
}

impl Endpoint {
    /// An endpoint over these models.
    pub(super) fn new(context: Arc<Context>, options: &MetricsOptions) -> Self {
        Self { context, host: options.cpu.then(Host::new) }
    }
}

impl Handler for Endpoint {
    async fn handle(&self, request: Request<RequestBody>) -> Response<ReplyBody> {
        if request.uri().path() != "/metrics" {
            return refuse(StatusCode::NOT_FOUND, "Not Found: metrics are at /metrics");
        }
        if request.method() != Method::GET {
            let mut response =
                refuse(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed: /metrics takes GET");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
            return response;
        }
        match self.context.engine.statistics(None, None) {
            Ok(models) => {
                let usage = self.host.as_ref().and_then(Host::usage);
                let mut text = render::render(&models, usage);
                text.push_str(&custom::render(&self.context.engine.metrics().snapshot()));
                with_type(text, "text/plain; charset=utf-8")
            }
            Err(_) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "the statistics cannot be read"),
        }
    }
}

fn refuse(status: StatusCode, message: &str) -> Response<ReplyBody> {
    let mut response = with_type(format!("{{\"error\":\"{message}\"}}"), "application/json");
    *response.status_mut() = status;
    response
}

fn with_type(text: String, content_type: &'static str) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::from(text.into_bytes()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
