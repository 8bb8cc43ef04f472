//! What a call is answered with.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tonic::Status;
use trilith_core::trace::{Event, Trace};

use super::pieces::Pieces;
use super::status;
use crate::tracing::Sending;

/// A stream of frames that ends with trailers.
pub(super) type Stream = Pin<Box<dyn Body<Data = Bytes, Error = Status> + Send>>;

/// The body of a response.
#[derive(Default)]
pub(super) enum ResponseBody {
    /// Nothing: the headers said it all.
    #[default]
    Empty,
    /// One framed message, then trailers that say OK.
    Message(Pieces),
    /// Whatever the stream brings.
    Stream(Stream),
}

impl ResponseBody {
    /// The same, noting when it is sent.
    pub(super) fn noting(self, trace: Arc<dyn Trace>) -> Self {
        let sending = Sending::begin(trace, (Event::GrpcSendStart, Event::GrpcSendEnd));
        Self::Stream(Box::pin(Noting { body: self, _sending: sending }))
    }
}

/// A body whose sending is noted.
struct Noting {
    body: ResponseBody,
    _sending: Sending,
}

impl Body for Noting {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Message(pieces) => {
                let Some(piece) = pieces.pop() else {
                    *self = Self::Empty;
                    return Poll::Ready(Some(Ok(Frame::trailers(status::trailers(&Status::ok(""))))));
                };
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            Self::Stream(stream) => stream.as_mut().poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Empty)
    }
}

/// A body that ends early when the server stops, so that an idle caller does not hold it.
pub(super) struct UntilStop<B> {
    body: B,
    stop: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl<B> UntilStop<B> {
    /// The body, up to when `stop` is ready.
    pub(super) fn new(body: B, stop: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { body, stop: Box::pin(stop) }
    }
}

impl<B: Body + Unpin> Body for UntilStop<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if frame.is_ready() {
            return frame;
        }
        ready!(self.stop.as_mut().poll(context));
        Poll::Ready(None)
    }
}
