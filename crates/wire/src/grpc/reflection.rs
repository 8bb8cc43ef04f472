//! Server reflection, v1 and v1alpha, from the compiled definitions.

use std::pin::Pin;

use hyper::body::{Body, Bytes};
use hyper::{Request, Response};
use tonic::Status;
use tonic::codegen::{Service, StdError};
use tonic_reflection::server::Builder;

use super::body::{ResponseBody, Stream};
use super::protocol::FILE_DESCRIPTOR_SET;

type Answer = Pin<Box<dyn Future<Output = Response<ResponseBody>> + Send>>;
type Handler<B> = Box<dyn Fn(Request<B>) -> Answer + Send + Sync>;

/// Answers for both versions of the reflection service.
pub(super) struct Reflection<B> {
    v1: Handler<B>,
    v1alpha: Handler<B>,
}

impl<B> Reflection<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<StdError> + Send + 'static,
{
    /// Reads the compiled definitions.
    pub(super) fn new() -> Result<Self, tonic_reflection::server::Error> {
        let builder = || Builder::configure().register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET);
        Ok(Self { v1: handler(builder().build_v1()?), v1alpha: handler(builder().build_v1alpha()?) })
    }

    /// The handler of that service, if it is one of the two.
    fn handler(&self, service: &str) -> Option<&Handler<B>> {
        match service {
            "grpc.reflection.v1.ServerReflection" => Some(&self.v1),
            "grpc.reflection.v1alpha.ServerReflection" => Some(&self.v1alpha),
            _ => None,
        }
    }

    /// Answers a call to one of the two services; any other is refused as unknown.
    pub(super) async fn answer(
        &self,
        service: &str,
        request: Request<B>,
    ) -> Result<Response<ResponseBody>, Status> {
        match self.handler(service) {
            Some(handler) => Ok(handler(request).await),
            None => Err(Status::unimplemented(format!("this server has no service '{service}'"))),
        }
    }
}

fn handler<B, S>(service: S) -> Handler<B>
where
    B: Send + 'static,
    S: Service<Request<B>, Response = Response<tonic::body::Body>> + Clone + Send + Sync + 'static,
    S::Error: std::fmt::Display + Send,
    S::Future: Send,
{
    Box::new(move |request| {
        let mut service = service.clone();
        Box::pin(async move {
            match service.call(request).await {
                Ok(response) => response.map(|body| ResponseBody::Stream(Box::pin(body) as Stream)),
                Err(error) => super::status::refusal(Status::internal(error.to_string())),
            }
        })
    })
}
