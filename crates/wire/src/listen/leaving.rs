//! Tells a client that has ended its side of a connection, and waits for its answer, from one that has gone.
//!
//! What arrives is the same from both, until something is written: the system of a client that has gone then refuses it.
//! HTTP/1.1 has something that may be written before any answer and means nothing: an interim response.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::AsyncWrite;
use tokio::time::{Instant, Sleep, sleep};

use crate::transport::Stream;

/// What clients that wait pass over.
const PROBE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
/// How soon it is looked whether the probe was refused. On one machine it is at once, elsewhere it takes a round trip.
const FIRST_LOOK: Duration = Duration::from_millis(5);
/// How often at least, and probed anew: the client may still go later, and that alone makes no sound.
const LAST_LOOK: Duration = Duration::from_secs(1);

/// A client that has ended its side, and was probed.
pub(super) struct Leaving {
    look: Pin<Box<Sleep>>,
    interval: Duration,
}

impl Leaving {
    /// Probes a client to which nothing of its answer was written yet; `None` if it has gone.
    pub(super) fn probe(stream: &mut Stream, context: &mut Context<'_>) -> Option<Self> {
        write_probe(stream, context)
            .then(|| Self { look: Box::pin(sleep(Duration::ZERO)), interval: FIRST_LOOK })
    }

    /// Waits until it has gone; probes it anew where that may still be done.
    pub(super) fn poll_gone(
        &mut self,
        stream: &mut Stream,
        may_be_probed: bool,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        loop {
            ready!(self.look.as_mut().poll(context));
            let is_due = may_be_probed && self.interval == LAST_LOOK;
            if stream.has_failed() || (is_due && !write_probe(stream, context)) {
                return Poll::Ready(());
            }
            self.look.as_mut().reset(Instant::now() + self.interval);
            self.interval = (self.interval * 2).min(LAST_LOOK);
        }
    }
}

/// Whether the probe could be written: so little fits whenever nothing else waits to be.
fn write_probe(stream: &mut Stream, context: &mut Context<'_>) -> bool {
    let written = Pin::new(&mut *stream).poll_write(context, PROBE);
    let flushed = Pin::new(stream).poll_flush(context);
    matches!(written, Poll::Ready(Ok(length)) if length == PROBE.len())
        && !matches!(flushed, Poll::Ready(Err(_)))
}
