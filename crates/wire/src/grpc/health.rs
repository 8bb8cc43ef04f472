//! `grpc.health.v1.Health` over the engine's readiness.
//!
//! Every service is answered for by the server as a whole: probes that name one mean the server.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tonic::Status;

use super::call::Packing;
use super::convert_response::framed;
use super::protocol::health::HealthCheckResponse;
use super::protocol::health::health_check_response::ServingStatus;
use super::status::{shutting_down, trailers};
use crate::context::Context;
use crate::shutdown::Shutdown;

/// How late a watcher may learn of a change. Orchestrators probe at this pace as well.
const WATCH_PERIOD: Duration = Duration::from_secs(1);

/// The present status.
pub(super) fn check(context: &Context) -> HealthCheckResponse {
    let status = if context.engine.is_ready() { ServingStatus::Serving } else { ServingStatus::NotServing };
    HealthCheckResponse { status: status.into() }
}

/// The present status, then every change.
pub(super) struct Watch {
    context: Arc<Context>,
    packing: Packing,
    ticks: Interval,
    last: Option<i32>,
    stop: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Watch {
    /// Watches until the server stops.
    pub(super) fn new(context: Arc<Context>, packing: Packing, shutdown: Shutdown) -> Self {
        let mut ticks = interval(WATCH_PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stop = Box::pin(async move { shutdown.wait().await });
        Self { context, packing, ticks, last: None, stop: Some(stop) }
    }

    /// The status, if it is another one than was told last.
    fn news(&mut self) -> Option<HealthCheckResponse> {
        let response = check(&self.context);
        let is_new = self.last.replace(response.status) != Some(response.status);
        is_new.then_some(response)
    }
}

impl Body for Watch {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(stop) = &mut self.stop else {
            return Poll::Ready(None);
        };
        if stop.as_mut().poll(context).is_ready() {
            self.stop = None;
            return Poll::Ready(Some(Ok(Frame::trailers(trailers(&shutting_down())))));
        }
        while self.ticks.poll_tick(context).is_ready() {
            if let Some(response) = self.news() {
                let packed = self.packing.pack(framed(&response))?;
                return Poll::Ready(Some(Ok(Frame::data(packed.into_bytes()))));
            }
        }
        Poll::Pending
    }
}
