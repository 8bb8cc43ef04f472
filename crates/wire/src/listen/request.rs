//! Bodies of requests.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::patience::Progress;
use super::quiet::hold;

/// The body of a request: tells the connection when all of it was read.
pub(crate) struct RequestBody {
    /// `None` once it was read to its end.
    content: Option<Incoming>,
    /// `None` where the connection does not want to know.
    progress: Option<Arc<Progress>>,
}

impl RequestBody {
    /// The body of the request that its connection handles now.
    pub(super) fn new(content: Incoming, progress: &Arc<Progress>, is_told: bool) -> Self {
        let progress = is_told.then(|| Arc::clone(progress));
        let mut body = Self { content: Some(content), progress };
        if body.is_end_stream() {
            body.end();
        }
        body
    }

    /// All of it was read.
    fn end(&mut self) {
        self.content = None;
        if let Some(progress) = &self.progress {
            progress.body_is_complete();
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(incoming) = &mut self.content else { return Poll::Ready(None) };
        let (frame, waiting) = hold(|| Pin::new(&mut *incoming).poll_frame(context));
        let has_ended = matches!(frame, Poll::Ready(None)) || incoming.is_end_stream();
        if has_ended {
            self.end();
        } else if let Some(waker) = waiting {
            waker.wake();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.content.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.content.as_ref().map_or(SizeHint::with_exact(0), Body::size_hint)
    }
}
