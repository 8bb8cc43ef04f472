//! A connection whose pings are looked after: see [`super::pings`].

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::pings::{PING_SIZE, PingOptions, Rules, Scanner, answer_probe};

/// A stream behind its preface, frame by frame.
pub(super) struct Watched<S> {
    stream: S,
    rules: Rules,
    received: Scanner,
    sent: Scanner,
    /// What is left to be read of the answer to a probe that was not sent.
    answer: Vec<u8>,
    reader: Option<Waker>,
    /// What is left to be said to a client that pings too often.
    farewell: Option<Vec<u8>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Watched<S> {
    /// By these rules.
    pub(super) fn new(stream: S, options: PingOptions) -> Self {
        let (received, sent) = (Scanner::default(), Scanner::default());
        let rules = Rules::new(options);
        Self { stream, rules, received, sent, answer: Vec::new(), reader: None, farewell: None }
    }

    /// Gives what is left of an answer, as far as there is room.
    fn give_answer(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        if self.answer.is_empty() || !self.received.is_between_frames() {
            return false;
        }
        let now = self.answer.len().min(buffer.remaining());
        buffer.put_slice(&self.answer[..now]);
        self.answer.drain(..now);
        true
    }

    /// Ends the connection of a client that pings too often, once what is being sent allows it.
    fn poll_farewell(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(farewell) = self.farewell.as_mut().filter(|_| self.sent.is_between_frames()) else {
            return Poll::Ready(Ok(()));
        };
        while !farewell.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, farewell))?;
            farewell.drain(..written);
        }
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        Poll::Ready(Err(io::Error::other("the client pings too often")))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.poll_farewell(context))?;
        if this.give_answer(buffer) {
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        if Pin::new(&mut this.stream).poll_read(context, buffer)?.is_pending() {
            this.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        let (rules, now) = (&mut this.rules, Instant::now());
        let mut is_too_much = false;
        this.received.scan(&buffer.filled()[before..], |head| {
            is_too_much |= rules.note_received(head, now);
        });
        if is_too_much && this.farewell.is_none() {
            this.farewell = Some(rules.farewell());
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        ready!(this.poll_farewell(context))?;
        if this.sent.is_between_frames()
            && !this.rules.may_probe()
            && let Some(answer) = answer_probe(buffer)
        {
            // As if it had been sent and answered: who probes sees a client that is well.
            this.answer.extend(answer);
            if let Some(reader) = this.reader.take() {
                reader.wake();
            }
            return Poll::Ready(Ok(PING_SIZE));
        }
        let written = ready!(Pin::new(&mut this.stream).poll_write(context, buffer))?;
        let rules = &mut this.rules;
        this.sent.scan(&buffer[..written], |head| rules.note_sent(head));
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
