//! Tells a peer that is slow from one that has stalled, without a timer per request.
//!
//! The stream counts events and notes whether the peer owes something. A watch that comes by once per
//! period and finds the same debt with no event in between has found a stalled peer. An idle connection
//! owes nothing and may stay.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::leaving::Leaving;
use crate::transport::Stream;

/// Between requests: the next byte opens a header.
const IDLE: u8 = 0;
/// A header has begun and is not complete.
const HEADER: u8 = 1;
/// The request is being handled; its body has a limit of its own.
const HANDLED: u8 = 2;
/// All of the request has come, and nothing of its answer is there.
const AWAITED: u8 = 3;

/// What the peer owes, shared by the stream, the service and the watch of one connection.
#[derive(Debug)]
pub(super) struct Progress {
    phase: AtomicU8,
    is_write_blocked: AtomicBool,
    /// Whether the peer waits for an answer with its own side ended.
    is_half_closed: AtomicBool,
    events: AtomicU32,
}

impl Progress {
    /// A fresh connection owes a header.
    pub(super) fn new() -> Self {
        Self {
            phase: AtomicU8::new(HEADER),
            is_write_blocked: AtomicBool::new(false),
            is_half_closed: AtomicBool::new(false),
            events: AtomicU32::new(0),
        }
    }

    /// The header is complete.
    pub(super) fn header_is_complete(&self) {
        self.enter(HANDLED);
    }

    /// All of the body has come.
    pub(super) fn body_is_complete(&self) {
        // One that was refused may come to its end after the answer.
        let _ = self.phase.compare_exchange(HANDLED, AWAITED, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Whether the connection can only end after this answer.
    pub(super) fn is_half_closed(&self) -> bool {
        self.is_half_closed.load(Ordering::Relaxed)
    }

    /// Whether a peer that has ended its side may be waiting for an answer of which nothing was written.
    fn may_be_probed(&self) -> bool {
        self.phase.load(Ordering::Relaxed) == AWAITED && !self.is_write_blocked()
    }

    /// The answer is ready; the connection is idle once it is written.
    pub(super) fn is_answered(&self) {
        self.enter(IDLE);
    }

    /// Where the count of events stands.
    pub(super) fn mark(&self) -> u32 {
        self.events.load(Ordering::Relaxed)
    }

    /// Whether the peer owes something and nothing has happened since the mark.
    pub(super) fn has_stalled_since(&self, mark: u32) -> bool {
        let owes = self.phase.load(Ordering::Relaxed) == HEADER || self.is_write_blocked();
        owes && self.mark() == mark
    }

    fn enter(&self, phase: u8) {
        self.phase.store(phase, Ordering::Relaxed);
        self.events.fetch_add(1, Ordering::Relaxed);
    }

    fn has_read(&self) {
        // Bytes of a header that has begun are no event: it must be complete in time, not merely alive.
        if self.phase.load(Ordering::Relaxed) == IDLE {
            self.enter(HEADER);
        }
    }

    fn is_write_blocked(&self) -> bool {
        self.is_write_blocked.load(Ordering::Relaxed)
    }

    fn has_written(&self, is_blocked: bool) {
        if is_blocked != self.is_write_blocked() {
            self.is_write_blocked.store(is_blocked, Ordering::Relaxed);
            self.events.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A stream that reports what it reads and writes.
pub(super) struct PatientStream {
    inner: Stream,
    progress: Arc<Progress>,
    has_ended: bool,
    /// Once the peer has ended its side and was probed.
    leaving: Option<Leaving>,
    /// Who is told of the peer's end once all of an answer is written.
    reader: Option<Waker>,
}

impl PatientStream {
    /// Watches a stream.
    pub(super) fn new(inner: Stream, progress: Arc<Progress>) -> Self {
        Self { inner, progress, has_ended: false, leaving: None, reader: None }
    }

    /// The peer has ended its side: what that means depends on what it still waits for.
    fn poll_ended(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.has_ended {
            // hyper reads on before the service has seen a request that came together with the end.
            self.has_ended = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.progress.may_be_probed() {
            return self.probe(context);
        }
        if self.progress.is_write_blocked() {
            self.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    /// Goes on for a peer that has ended its side and waits; one that has gone is at its end.
    fn probe(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.leaving = Leaving::probe(&mut self.inner, context);
        let Some(leaving) = &mut self.leaving else { return Poll::Ready(Ok(())) };
        self.progress.is_half_closed.store(true, Ordering::Relaxed);
        leaving.poll_gone(&mut self.inner, false, context).map(Ok)
    }

    fn note_write<T>(&mut self, result: Poll<T>) -> Poll<T> {
        self.progress.has_written(result.is_pending());
        if result.is_ready()
            && let Some(reader) = self.reader.take()
        {
            reader.wake();
        }
        result
    }
}

impl AsyncRead for PatientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Some(leaving) = &mut this.leaving {
            // Nothing is read: the peer's side has ended.
            return leaving.poll_gone(&mut this.inner, this.progress.may_be_probed(), context).map(Ok);
        }
        if this.has_ended {
            return this.poll_ended(context);
        }
        let before = buffer.filled().len();
        let result = Pin::new(&mut this.inner).poll_read(context, buffer);
        if buffer.filled().len() > before {
            this.progress.has_read();
        } else if matches!(result, Poll::Ready(Ok(()))) {
            return this.poll_ended(context);
        }
        result
    }
}

impl AsyncWrite for PatientStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write(context, buffer);
        self.note_write(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write_vectored(context, buffers);
        self.note_write(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // With TLS, what was taken for writing may still wait here.
        let result = Pin::new(&mut self.inner).poll_flush(context);
        self.note_write(result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_began_must_be_completed_however_many_bytes_trickle_in() {
        let progress = Progress::new();
        let mark = progress.mark();
        progress.has_read();
        assert!(progress.has_stalled_since(mark));
        progress.header_is_complete();
        assert!(!progress.has_stalled_since(progress.mark()));
    }

    #[test]
    fn an_idle_connection_owes_nothing_until_it_speaks() {
        let progress = Progress::new();
        progress.header_is_complete();
        progress.is_answered();
        assert!(!progress.has_stalled_since(progress.mark()));
        progress.has_read();
        assert!(progress.has_stalled_since(progress.mark()));
    }

    #[test]
    fn an_answer_that_nobody_reads_stalls_and_one_that_moves_does_not() {
        let progress = Progress::new();
        progress.header_is_complete();
        progress.has_written(true);
        let mark = progress.mark();
        assert!(progress.has_stalled_since(mark));
        progress.has_written(false);
        progress.has_written(true);
        assert!(!progress.has_stalled_since(mark));
    }
}
