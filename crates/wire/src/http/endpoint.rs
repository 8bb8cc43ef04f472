//! From a request to its answer.

use std::sync::Arc;

use hyper::{Request, Response, StatusCode};
use trilith_core::Error;

use super::body::{self, BodyLimits};
use super::infer::Reader;
use super::reply::Refusal;
use super::route::{Question, Route};
use super::{HttpOptions, describe, reply, route};
use crate::context::Context;
use crate::forward::HeaderPattern;
use crate::listen::{Handler, ReplyBody, RequestBody};
use crate::restriction::Restrictions;

/// The HTTP endpoint of one server.
pub(super) struct Endpoint {
    /// What it knows of the server.
    pub(super) context: Arc<Context>,
    /// Bounds of bodies.
    pub(super) limits: BodyLimits,
    restrictions: Restrictions,
    /// Which headers become parameters.
    pub(super) forward: Option<HeaderPattern>,
}

impl Handler for Endpoint {
    async fn handle(&self, request: Request<RequestBody>) -> Response<ReplyBody> {
        self.answer(request).await.unwrap_or_else(|problem| reply::error(&problem))
    }
}

impl Endpoint {
    /// An endpoint over these models.
    pub(super) fn new(context: Arc<Context>, options: HttpOptions) -> Self {
        let limits = BodyLimits { size: options.max_input_size, patience: options.body_timeout };
        Self { context, limits, restrictions: options.restrictions, forward: options.forward }
    }

    async fn answer(&self, request: Request<RequestBody>) -> Result<Response<ReplyBody>, Refusal> {
        let (head, body) = request.into_parts();
        let route = route::find(head.uri.path())?;
        if let Some(header) = self.restrictions.find_missing(route.api(), &head.headers) {
            let message = format!("This API is restricted, expecting header '{header}'");
            return Err(Refusal::new(Error::unavailable(message), StatusCode::FORBIDDEN));
        }
        if let Route::Settings(topic) = &route {
            return self.settings(topic, &head.method, body).await;
        }
        let allowed = route.method();
        if head.method != allowed {
            return Ok(reply::wrong_method(&allowed, &head.method));
        }
        match route {
            Route::Model { name, version, question: Question::Infer } => {
                self.infer(&name, version, &head.headers, body).await
            }
            Route::Model { name, version, question: Question::Generate } => {
                self.generate((&name, version), &head.headers, body, false).await
            }
            Route::Model { name, version, question: Question::GenerateStream } => {
                self.generate((&name, version), &head.headers, body, true).await
            }
            Route::Model { name, version, question: Question::Ready } => {
                // The protocol knows ready and not ready; an unknown model is not ready.
                let refuse = |problem| Refusal::new(problem, StatusCode::BAD_REQUEST);
                self.context.engine.ask_model(&name, version).await.map(|()| reply::empty()).map_err(refuse)
            }
            Route::Ready => Ok(health(self.context.engine.ask_all().await)),
            Route::Control { model, kind } => self.control(kind, &model, body).await,
            Route::Index => self.index(body).await,
            Route::SharedMemory { kind, region, action } => {
                self.shared_memory(kind, region.as_deref(), action, body).await
            }
            read_only => Ok(self.look_up(&read_only)?),
        }
    }

    /// Answers what only reads and never waits.
    fn look_up(&self, route: &Route<'_>) -> Result<Response<ReplyBody>, Error> {
        let engine = &self.context.engine;
        Ok(match route {
            // Whoever can answer is alive, to the last request of a shutdown.
            Route::Live => health(true),
            Route::AllStatistics => reply::json(describe::statistics(&engine.statistics(None, None)?)),
            Route::Model { name, version, question } => return self.look_up_model(name, *version, *question),
            // What is left are the routes that `answer` took.
            _ => reply::json(describe::server(&self.context.server)),
        })
    }

    fn look_up_model(
        &self,
        name: &str,
        version: Option<i64>,
        question: Question,
    ) -> Result<Response<ReplyBody>, Error> {
        let engine = &self.context.engine;
        Ok(match question {
            Question::Config => reply::json(engine.model(name, version)?.described().json.clone()),
            Question::Statistics => {
                reply::json(describe::statistics(&engine.statistics(Some(name), version)?))
            }
            // The others are taken by `answer`.
            Question::Metadata
            | Question::Ready
            | Question::Infer
            | Question::Generate
            | Question::GenerateStream => {
                let model = engine.model(name, version)?;
                let versions =
                    version.map_or_else(|| engine.ready_versions(name), |version| Ok(vec![version]))?;
                reply::json(describe::model(model.spec(), &versions))
            }
        })
    }

    async fn index(&self, body: RequestBody) -> Result<Response<ReplyBody>, Refusal> {
        let content = body::collect(body, self.limits).await?.to_bytes();
        let only_ready = if content.is_empty() { false } else { wants_only_ready(&content)? };
        self.context.control.refresh().await;
        Ok(reply::json(describe::index(&self.context.engine.index(only_ready))))
    }
}

fn wants_only_ready(content: &[u8]) -> Result<bool, Error> {
    let mut reader = Reader::new(content);
    let mut only_ready = false;
    let mut member = reader.open_object("the request")?;
    while let Some(name) = member {
        if name == "ready" {
            only_ready = reader.boolean("'ready'")?;
        } else {
            reader.skip("the request")?;
        }
        member = reader.next_member()?;
    }
    reader.finish()?;
    Ok(only_ready)
}

fn health(is_well: bool) -> Response<ReplyBody> {
    let mut response = reply::empty();
    if !is_well {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    response
}
