//! What is noted of a request on its way, for those who trace it.
//!
//! Most requests are traced by nobody: they carry no [`Trace`], and pay for that with one look at [`Tracing`].

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};
use crate::signature::Signature;
use crate::tensor::Tensor;

/// A point on the way of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The request was taken in.
    RequestStart,
    /// It was queued.
    QueueStart,
    /// It was taken from the queue.
    ComputeStart,
    /// Its inputs are in place.
    ComputeInputEnd,
    /// The model has run.
    ComputeOutputStart,
    /// Its outputs are taken apart.
    ComputeEnd,
    /// The answer is on its way to whoever asked.
    RequestEnd,
    /// The endpoint has an answer.
    ResponseComplete,
    /// The header of an HTTP request has come.
    HttpReceiveStart,
    /// The body of an HTTP request has come.
    HttpReceiveEnd,
    /// The HTTP answer is about to be sent.
    HttpSendStart,
    /// The HTTP answer was handed to the system.
    HttpSendEnd,
    /// A message of a gRPC call is waited for.
    GrpcWaitReadStart,
    /// The message of a gRPC call has come.
    GrpcWaitReadEnd,
    /// The message of a gRPC answer is about to be sent.
    GrpcSendStart,
    /// The message of a gRPC answer was handed to the system.
    GrpcSendEnd,
}

impl Event {
    /// Its name in traces.
    pub fn name(self) -> &'static str {
        match self {
            Self::RequestStart => "REQUEST_START",
            Self::QueueStart => "QUEUE_START",
            Self::ComputeStart => "COMPUTE_START",
            Self::ComputeInputEnd => "COMPUTE_INPUT_END",
            Self::ComputeOutputStart => "COMPUTE_OUTPUT_START",
            Self::ComputeEnd => "COMPUTE_END",
            Self::RequestEnd => "REQUEST_END",
            Self::ResponseComplete => "INFER_RESPONSE_COMPLETE",
            Self::HttpReceiveStart => "HTTP_RECV_START",
            Self::HttpReceiveEnd => "HTTP_RECV_END",
            Self::HttpSendStart => "HTTP_SEND_START",
            Self::HttpSendEnd => "HTTP_SEND_END",
            Self::GrpcWaitReadStart => "GRPC_WAITREAD_START",
            Self::GrpcWaitReadEnd => "GRPC_WAITREAD_END",
            Self::GrpcSendStart => "GRPC_SEND_START",
            Self::GrpcSendEnd => "GRPC_SEND_END",
        }
    }
}

/// Which tensors of a request are noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// Its inputs, as they are queued.
    QueueInput,
    /// Its outputs, as the model gives them.
    BackendOutput,
}

impl Activity {
    /// Its name in traces.
    pub fn name(self) -> &'static str {
        match self {
            Self::QueueInput => "TENSOR_QUEUE_INPUT",
            Self::BackendOutput => "TENSOR_BACKEND_OUTPUT",
        }
    }
}

/// Nanoseconds by the clock of the engine.
pub type Instant = u64;

/// The trace of one request to one model, shared by everyone on its way. It ends when the last one lets go.
pub trait Trace: Debug + Send + Sync {
    /// Its number among all traces of the server.
    fn id(&self) -> u64;

    /// Now, by the clock of the engine.
    fn now(&self) -> Instant;

    /// Notes who is asked.
    fn begin(&self, signature: &Signature, request_id: &str, at: Instant);

    /// Notes that a point was reached.
    fn mark_at(&self, event: Event, at: Instant);

    /// Notes tensors, as far as that is wanted.
    fn note_tensors(&self, activity: Activity, tensors: &[Tensor]);

    /// The trace of a request that is made while this one is answered.
    fn child(&self) -> Arc<dyn Trace>;

    /// What a model may hand on to others, as a JSON object of headers; `None` where there is nothing.
    fn context(&self) -> Option<String>;

    /// Notes that a point is reached now.
    fn mark(&self, event: Event) {
        self.mark_at(event, self.now());
    }
}

/// What a client's headers say of a trace that the request belongs to already.
#[derive(Clone, Copy, Debug, Default)]
pub struct Parent<'a> {
    /// `traceparent` of W3C Trace Context.
    pub traceparent: Option<&'a str>,
    /// `tracestate` of W3C Trace Context.
    pub tracestate: Option<&'a str>,
}

/// The settings of traces by their names in the protocol, each with its values.
pub type Settings = Vec<(String, Vec<String>)>;

/// A setting to change, by its name in the protocol; without values it falls back to the one above it.
pub type Change = (String, Option<Vec<String>>);

/// Decides which requests are traced.
pub trait Tracer: Send + Sync {
    /// A trace for a request to that model, if it is one of those that are traced.
    fn sample(&self, model: &str, parent: Parent<'_>) -> Option<Arc<dyn Trace>>;

    /// The settings for one model, or for all that have none of their own.
    fn settings(&self, model: Option<&str>) -> Settings;

    /// Changes settings for one model or for all: all that are named, or none.
    fn update(&self, model: Option<&str>, changes: Vec<Change>) -> Result<()>;
}

/// The tracing of a server.
#[derive(Default)]
pub struct Tracing {
    is_active: Arc<AtomicBool>,
    tracer: Option<Arc<dyn Tracer>>,
}

impl Tracing {
    /// By a tracer that says in `is_active` whether any request may be traced.
    pub fn new(tracer: Arc<dyn Tracer>, is_active: Arc<AtomicBool>) -> Self {
        Self { is_active, tracer: Some(tracer) }
    }

    /// Whether any request may be traced.
    #[inline]
    pub fn is_active(&self) -> bool {
        self.is_active.load(Ordering::Relaxed)
    }

    /// A trace for a request to that model, if it is one of those that are traced.
    #[inline]
    pub fn sample(&self, model: &str, parent: Parent<'_>) -> Option<Arc<dyn Trace>> {
        if self.is_active() { self.tracer.as_ref()?.sample(model, parent) } else { None }
    }

    /// Who decides; fails with `Unavailable` where this build of the server does not trace.
    pub fn tracer(&self) -> Result<&dyn Tracer> {
        let missing = || Error::unavailable("this build of the server does not support tracing");
        self.tracer.as_deref().ok_or_else(missing)
    }
}
