//! Messages in frames: one byte that says whether it is compressed, four that say how long it is.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, Bytes};
use hyper::body::Body;
use tonic::Status;
use trilith_engine::round;

use super::compression::Encoding;
use super::pieces::Pieces;

/// Bytes in front of each message.
pub(super) const PREFIX_LENGTH: usize = 5;

/// Writes what stands in front of a message.
pub(super) fn put_prefix(target: &mut impl BufMut, compressed: bool, length: usize) {
    target.put_u8(u8::from(compressed));
    target.put_u32(length as u32);
}

/// Reads the messages of one call.
pub(super) struct Messages<B> {
    body: B,
    received: Pieces,
    /// Whether the message that is being received is compressed, and its length.
    prefix: Option<(bool, usize)>,
    encoding: Encoding,
    max_message_size: usize,
    has_ended: bool,
}

impl<B> Messages<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    /// Reads messages out of a call's body.
    pub(super) fn new(body: B, encoding: Encoding, max_message_size: usize) -> Self {
        Self { body, received: Pieces::default(), prefix: None, encoding, max_message_size, has_ended: false }
    }

    /// The next message, decompressed; `None` when the client has sent all of them.
    pub(super) async fn next(&mut self) -> Result<Option<Pieces>, Status> {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }

    /// Like [`Messages::next`], for callers that wait for other things as well.
    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Pieces>, Status>> {
        loop {
            if let Some(message) = self.take_message()? {
                return Poll::Ready(Ok(Some(message)));
            }
            if self.has_ended || self.body.is_end_stream() {
                return Poll::Ready(self.end());
            }
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.received.push(data);
                    }
                }
                Some(Err(error)) => {
                    return Poll::Ready(Err(Status::cancelled(format!(
                        "the client ended the call: {error}"
                    ))));
                }
                None => self.has_ended = true,
            }
        }
    }

    fn take_message(&mut self) -> Result<Option<Pieces>, Status> {
        if self.prefix.is_none() && self.received.remaining() >= PREFIX_LENGTH {
            let compressed = self.received.get_u8() != 0;
            let length = self.received.get_u32() as usize;
            if length > self.max_message_size {
                return Err(Status::resource_exhausted(format!(
                    "the message has {length} bytes, this server takes {} at most",
                    self.max_message_size
                )));
            }
            self.prefix = Some((compressed, length));
        }
        let Some((compressed, length)) = self.prefix else {
            return Ok(None);
        };
        let Some(message) = self.received.split_to(length) else {
            return Ok(None);
        };
        self.prefix = None;
        round::before_reading(length);
        if compressed {
            return self.encoding.decompress(message, self.max_message_size).map(Some);
        }
        Ok(Some(message))
    }

    fn end(&self) -> Result<Option<Pieces>, Status> {
        if self.prefix.is_none() && !self.received.has_remaining() {
            return Ok(None);
        }
        Err(Status::invalid_argument("the call ended in the middle of a message"))
    }
}
