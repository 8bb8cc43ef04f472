//! Which call is answered by what.

use std::convert::Infallible;
use std::future::ready;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Request, Response, StatusCode};
use prost::Message;
use tonic::Status;
use trilith_core::Error;

use super::GrpcOptions;
use super::body::{ResponseBody, UntilStop};
use super::call::Call;
use super::convert_response::framed;
use super::health::{self, Watch};
use super::infer::{Inference, answer_again};
use super::pieces::Pieces;
use super::protocol::health::HealthCheckRequest;
use super::protocol::inference::{ServerLiveRequest, ServerMetadataRequest, ServerReadyRequest};
use super::reflection::Reflection;
use super::status::{from_error, refusal};
use super::stream::InferStream;
use super::{api, control, describe, settings, shared_memory, statistics};
use crate::context::Context;
use crate::shutdown::Shutdown;
use crate::tracing::Arrival;

/// A call with one message each way that is answered at once.
type Unary = fn(&Context, Pieces) -> Result<Pieces, Status>;

/// Calls that are answered at once, by path.
const UNARY: [(&str, Unary); 12] = [
    ("/inference.GRPCInferenceService/ServerLive", |_, message| {
        unary(message, |_: &ServerLiveRequest| Ok(describe::server_live()))
    }),
    ("/inference.GRPCInferenceService/ServerMetadata", |context, message| {
        unary(message, |_: &ServerMetadataRequest| Ok(describe::server_metadata(context)))
    }),
    ("/inference.GRPCInferenceService/ModelMetadata", |context, message| {
        unary(message, |request| describe::model_metadata(context, request))
    }),
    ("/inference.GRPCInferenceService/ModelConfig", |context, message| {
        unary(message, |request| describe::model_config(context, request))
    }),
    ("/inference.GRPCInferenceService/ModelStatistics", |context, message| {
        unary(message, |request| statistics::model_statistics(context, request))
    }),
    ("/inference.GRPCInferenceService/TraceSetting", |context, message| {
        unary(message, |request| settings::trace(context, request))
    }),
    ("/inference.GRPCInferenceService/SystemSharedMemoryStatus", |context, message| {
        unary(message, |request| shared_memory::system_status(context, request))
    }),
    ("/inference.GRPCInferenceService/SystemSharedMemoryRegister", |context, message| {
        unary(message, |request| shared_memory::system_register(context, request))
    }),
    ("/inference.GRPCInferenceService/SystemSharedMemoryUnregister", |context, message| {
        unary(message, |request| shared_memory::system_unregister(context, request))
    }),
    ("/inference.GRPCInferenceService/CudaSharedMemoryStatus", |context, message| {
        unary(message, |request| shared_memory::cuda_status(context, request))
    }),
    ("/inference.GRPCInferenceService/CudaSharedMemoryRegister", |context, message| {
        unary(message, |request| shared_memory::cuda_register(context, request))
    }),
    ("/inference.GRPCInferenceService/CudaSharedMemoryUnregister", |context, message| {
        unary(message, |request| shared_memory::cuda_unregister(context, request))
    }),
];

/// Calls that may have to wait: for the thread that changes which models are served, or for what a model says.
const WAITING: [&str; 7] = [
    "/inference.GRPCInferenceService/ServerReady",
    "/inference.GRPCInferenceService/ModelReady",
    "/grpc.health.v1.Health/Check",
    "/inference.GRPCInferenceService/RepositoryModelLoad",
    "/inference.GRPCInferenceService/RepositoryModelUnload",
    "/inference.GRPCInferenceService/RepositoryIndex",
    "/inference.GRPCInferenceService/LogSettings",
];

/// The answer to a call, in the making.
pub(super) type Answer = Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, Infallible>> + Send>>;

/// The body of a call that tonic's reflection service reads.
type ReflectionBody = UntilStop<Incoming>;

/// Answers the calls of all connections.
pub(super) struct Endpoint {
    context: Arc<Context>,
    options: GrpcOptions,
    shutdown: Shutdown,
    reflection: Option<Reflection<ReflectionBody>>,
}

impl Endpoint {
    /// An endpoint over these models.
    pub(super) fn new(context: Arc<Context>, options: GrpcOptions, shutdown: Shutdown) -> Self {
        // The definitions are compiled in; a test holds that they can be read.
        Self { context, options, shutdown, reflection: Reflection::new().ok() }
    }

    /// Answers one call.
    ///
    /// What the headers say is read at once: the future that is left over is small, and it is moved often.
    pub(super) fn answer(self: &Arc<Self>, request: Request<Incoming>) -> Answer {
        let content_type = request.headers().get(CONTENT_TYPE);
        if !content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc")) {
            return Box::pin(ready(Ok(not_grpc())));
        }
        if let Some(status) = self.find_restriction(&request) {
            return Box::pin(ready(Ok(refusal(status))));
        }
        if request.uri().path() == "/inference.GRPCInferenceService/ModelInfer" {
            let arrival = self.arrival(&request);
            return match Call::open(request, &self.options) {
                Ok(call) => self.clone().model_infer(call, arrival),
                Err(status) => Box::pin(ready(Ok(refusal(status)))),
            };
        }
        let endpoint = self.clone();
        Box::pin(async move { Ok(endpoint.answer_other(request).await.unwrap_or_else(refusal)) })
    }

    fn find_restriction(&self, request: &Request<Incoming>) -> Option<Status> {
        let api = api::find(request.uri().path())?;
        let header = self.options.restrictions.find_missing(api, request.headers())?;
        Some(Status::unavailable(format!("This protocol is restricted, expecting header '{header}'")))
    }

    /// Boxed here rather than an `async fn`, which would keep room for the call twice.
    fn model_infer(self: Arc<Self>, mut call: Call, arrival: Option<Box<Arrival>>) -> Answer {
        Box::pin(async move {
            let (packing, timeout) = (call.packing(), call.timeout);
            let answer = pin!(async {
                let message = call.only_message(&self.shutdown).await?;
                let forwarded = std::mem::take(&mut call.forwarded);
                let mut words = None;
                if forwarded.is_empty() && arrival.is_none() {
                    match answer_again(&self.context.engine, &message) {
                        Ok(framed) => return Ok((framed, None)),
                        Err(found) => words = found,
                    }
                }
                let given = (forwarded, words);
                let mut inference = Inference::begin(&self.context, message, given, arrival.as_deref())
                    .map_err(|error| from_error(&error))?;
                let framed = inference.answer().await.map_err(|error| from_error(&error))?;
                Ok((framed, inference.trace.take()))
            });
            let response = within(timeout, answer).await.and_then(|(framed, trace)| match trace {
                None => packing.respond_with(framed),
                Some(trace) => Ok(packing.respond_with(framed)?.map(|body| body.noting(trace))),
            });
            Ok(response.unwrap_or_else(refusal))
        })
    }

    /// What is noted of a call that has come, where requests are traced.
    fn arrival(&self, request: &Request<Incoming>) -> Option<Box<Arrival>> {
        Arrival::note(&self.context, |name| request.headers().get(name).map(HeaderValue::as_bytes))
    }

    async fn answer_other(&self, request: Request<Incoming>) -> Result<Response<ResponseBody>, Status> {
        let path = request.uri().path().to_owned();
        if let Some((_, handler)) = UNARY.iter().find(|(known, _)| *known == path) {
            let mut call = Call::open(request, &self.options)?;
            let message = within(call.timeout, pin!(call.only_message(&self.shutdown))).await?;
            return call.packing().respond_with(handler(&self.context, message)?);
        }
        if WAITING.contains(&path.as_str()) {
            let mut call = Call::open(request, &self.options)?;
            let (packing, timeout) = (call.packing(), call.timeout);
            let answer = pin!(async {
                let message = call.only_message(&self.shutdown).await?;
                self.answer_in_time(&path, message).await
            });
            return packing.respond_with(within(timeout, answer).await?);
        }
        match path.as_str() {
            "/inference.GRPCInferenceService/ModelStreamInfer" => {
                let arrival = self.arrival(&request);
                let call = Call::open(request, &self.options)?;
                let packing = call.packing();
                let stream = InferStream::new(self.context.clone(), call, self.shutdown.clone(), arrival);
                Ok(packing.respond(ResponseBody::Stream(Box::pin(stream))))
            }
            "/grpc.health.v1.Health/Watch" => {
                let mut call = Call::open(request, &self.options)?;
                call.only_message(&self.shutdown).await?;
                let watch = Watch::new(self.context.clone(), call.packing(), self.shutdown.clone());
                Ok(call.packing().respond(ResponseBody::Stream(Box::pin(watch))))
            }
            _ => self.answer_elsewhere(&path, request).await,
        }
    }

    /// Answers a call that may have to wait.
    async fn answer_in_time(&self, path: &str, message: Pieces) -> Result<Pieces, Status> {
        let context = &self.context;
        match path.rsplit('/').next().unwrap_or_default() {
            "ServerReady" => {
                decode::<ServerReadyRequest>(message)?;
                respond(Ok(describe::server_ready(context).await))
            }
            "ModelReady" => respond(describe::model_ready(context, decode(message)?).await),
            "Check" => {
                decode::<HealthCheckRequest>(message)?;
                respond(Ok(health::check(context).await))
            }
            "RepositoryModelLoad" => respond(control::load(context, decode(message)?).await),
            "RepositoryModelUnload" => respond(control::unload(context, decode(message)?).await),
            "LogSettings" => respond(settings::log(context, decode(message)?).await),
            _ => {
                context.control.refresh().await;
                unary(message, |request| describe::repository_index(context, request))
            }
        }
    }

    /// Reflection, and what nobody knows.
    async fn answer_elsewhere(
        &self,
        path: &str,
        request: Request<Incoming>,
    ) -> Result<Response<ResponseBody>, Status> {
        let (service, method) = path.trim_start_matches('/').split_once('/').unwrap_or((path, ""));
        if service == "inference.GRPCInferenceService" || service == "grpc.health.v1.Health" {
            return Err(Status::unimplemented(format!("service {service} has no method '{method}'")));
        }
        let Some(reflection) = &self.reflection else {
            return Err(Status::unimplemented(format!("this server has no service '{service}'")));
        };
        let shutdown = self.shutdown.clone();
        let request = request.map(|body| UntilStop::new(body, async move { shutdown.wait().await }));
        reflection.answer(service, request).await
    }
}

/// Decodes a message, has it answered, and encodes the answer.
fn unary<M: Message + Default, R: Message>(
    message: Pieces,
    answer: impl FnOnce(&M) -> Result<R, Error>,
) -> Result<Pieces, Status> {
    respond(answer(&decode::<M>(message)?))
}

fn decode<M: Message + Default>(message: Pieces) -> Result<M, Status> {
    M::decode(message)
        .map_err(|error| Status::invalid_argument(format!("the message is not valid protobuf: {error}")))
}

fn respond<R: Message>(answer: Result<R, Error>) -> Result<Pieces, Status> {
    answer.map(|response| framed(&response)).map_err(|error| from_error(&error))
}

/// Bounds the time that an answer may take; what is not finished by then is dropped and so withdrawn.
async fn within<T>(
    timeout: Option<Duration>,
    answer: Pin<&mut impl Future<Output = Result<T, Status>>>,
) -> Result<T, Status> {
    let Some(timeout) = timeout else {
        return answer.await;
    };
    tokio::time::timeout(timeout, answer).await.unwrap_or_else(|_| {
        Err(Status::deadline_exceeded(format!(
            "the deadline that the client set, {} ms after the call began, has passed",
            timeout.as_millis()
        )))
    })
}

/// What a call that is no gRPC is answered with.
fn not_grpc() -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::Empty);
    *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    response
}
