//! `grpc.health.v1.Health` over the engine's readiness.
//!
//! Every service is answered for by the server as a whole: probes that name one mean the server.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};
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
pub(super) async fn check(context: &Context) -> HealthCheckResponse {
    let status =
        if context.engine.ask_all().await { ServingStatus::Serving } else { ServingStatus::NotServing };
    HealthCheckResponse { status: status.into() }
}

/// The present status, then every change.
pub(super) struct Watch {
    context: Arc<Context>,
    packing: Packing,
    ticks: Interval,
    /// The status, while it is found out.
    next: Option<Pin<Box<dyn Future<Output = HealthCheckResponse> + Send>>>,
    last: Option<i32>,
    stop: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Watch {
    /// Watches until the server stops.
    pub(super) fn new(context: Arc<Context>, packing: Packing, shutdown: Shutdown) -> Self {
        let mut ticks = interval(WATCH_PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stop = Box::pin(async move { shutdown.wait().await });
        Self { context, packing, ticks, next: None, last: None, stop: Some(stop) }
    }

    /// The next status.
    fn poll_status(&mut self, context: &mut TaskContext<'_>) -> Poll<HealthCheckResponse> {
        if self.next.is_none() {
            ready!(self.ticks.poll_tick(context));
            let known = Arc::clone(&self.context);
            self.next = Some(Box::pin(async move { check(&known).await }));
        }
        let Some(next) = self.next.as_mut() else { return Poll::Pending };
        let status = ready!(next.as_mut().poll(context));
        self.next = None;
        Poll::Ready(status)
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
        loop {
            let response = ready!(self.poll_status(context));
            if self.last.replace(response.status) != Some(response.status) {
                let packed = self.packing.pack(framed(&response))?;
                return Poll::Ready(Some(Ok(Frame::data(packed.into_bytes()))));
            }
        }
    }
}
