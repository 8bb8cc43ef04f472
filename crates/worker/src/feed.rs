//! Where a link takes its batches.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};
use trilith_engine::{Batch, Clock, Port, Turn};

/// A port, asked from an asynchronous task.
pub(crate) struct Feed {
    pub(crate) port: Port,
    clock: Arc<dyn Clock>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Feed {
    pub(crate) fn new(port: Port, clock: Arc<dyn Clock>) -> Self {
        Self { port, clock, sleep: None }
    }

    /// The next batch; `None` when the model has ended.
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Box<Batch>>> {
        loop {
            let until = match self.port.next(context.waker()) {
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
