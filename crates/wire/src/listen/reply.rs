//! Bodies of answers, in one or several pieces.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use crate::tracing::Sending;

/// The body of an answer: pieces that are sent one after the other, none of them copied.
#[derive(Default)]
pub(crate) struct ReplyBody {
    first: Bytes,
    rest: std::vec::IntoIter<Bytes>,
    length: u64,
    /// Everything, where the length is not known beforehand.
    stream: Option<Stream>,
    /// Where the request is traced: held until all is sent.
    sending: Option<Sending>,
}

/// Pieces that come as they arise.
pub(crate) type Stream = Pin<Box<dyn Body<Data = Bytes, Error = Infallible> + Send>>;

impl ReplyBody {
    /// A body of these pieces after a first one.
    #[cfg_attr(not(feature = "http"), expect(dead_code, reason = "metrics are one piece"))]
    pub(crate) fn pieces(first: Bytes, rest: Vec<Bytes>) -> Self {
        let length = first.len() + rest.iter().map(Bytes::len).sum::<usize>();
        Self { first, rest: rest.into_iter(), length: length as u64, ..Self::default() }
    }

    /// A body that comes as it arises.
    #[cfg_attr(not(feature = "http"), expect(dead_code, reason = "metrics are one piece"))]
    pub(crate) fn stream(stream: Stream) -> Self {
        Self { stream: Some(stream), ..Self::default() }
    }
}

#[cfg(feature = "http")]
impl ReplyBody {
    /// Holds something until all is sent.
    pub(crate) fn keep(&mut self, sending: Sending) {
        self.sending = Some(sending);
    }
}

impl From<Vec<u8>> for ReplyBody {
    fn from(content: Vec<u8>) -> Self {
        Self::from(Bytes::from(content))
    }
}

impl From<Bytes> for ReplyBody {
    fn from(first: Bytes) -> Self {
        Self { length: first.len() as u64, first, ..Self::default() }
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(stream) = &mut self.stream {
            return stream.as_mut().poll_frame(context);
        }
        let mut piece = std::mem::take(&mut self.first);
        while piece.is_empty() {
            let Some(next) = self.rest.next() else { return Poll::Ready(None) };
            piece = next;
        }
        self.length -= piece.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.stream.as_ref().map_or(self.length == 0, Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.stream.as_ref().map_or_else(|| SizeHint::with_exact(self.length), Body::size_hint)
    }
}
