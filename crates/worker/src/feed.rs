//! Where a link takes its batches, from when its worker has loaded the model.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep};
use trilith_engine::{Batch, Clock, Model, Port, Reservation, Seat, Turn};

/// A port, asked from an asynchronous task.
pub(crate) struct Feed {
    pub(crate) model: Arc<Model>,
    /// Tells that the port may be opened.
    begin: Option<oneshot::Receiver<()>>,
    reservation: Reservation,
    port: Option<Port>,
    clock: Arc<dyn Clock>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Feed {
    pub(crate) fn new(
        (model, reservation): (Arc<Model>, Reservation),
        begin: oneshot::Receiver<()>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { model, begin: Some(begin), reservation, port: None, clock, sleep: None }
    }

    /// The place where batches run; `None` before the first can come, and after the last.
    pub(crate) fn seat(&self) -> Option<Seat> {
        self.port.as_ref().map(Port::seat)
    }

    /// Whether the worker still loads the model.
    pub(crate) fn is_loading(&self) -> bool {
        self.begin.is_some()
    }

    /// Takes no more batches.
    pub(crate) fn close(&mut self) {
        self.port = None;
    }

    fn poll_begin(&mut self, context: &mut Context<'_>) {
        if let Some(begin) = &mut self.begin
            && let Poll::Ready(told) = Pin::new(begin).poll(context)
        {
            self.begin = None;
            // Nobody is left to tell it where the link is about to be stopped.
            let reservation = std::mem::take(&mut self.reservation);
            self.port = told.is_ok().then(|| self.model.open_reserved_port(reservation));
        }
    }

    /// The next batch; `None` when the model has ended.
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Box<Batch>>> {
        self.poll_begin(context);
        let Some(port) = &self.port else { return Poll::Pending };
        loop {
            let until = match port.next(context.waker()) {
                Turn::Batch(batch) => return Poll::Ready(Some(batch)),
                Turn::Closed => return Poll::Ready(None),
                Turn::Wait { until: None } => return Poll::Pending,
                Turn::Wait { until: Some(until) } => until,
            };
            let deadline = Instant::now() + Duration::from_nanos(until.saturating_sub(self.clock.now()));
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
            sleep.as_mut().reset(deadline);
            ready!(sleep.as_mut().poll(context));
        }
    }
}
