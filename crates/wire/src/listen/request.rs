//! Bodies of requests.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::patience::Progress;

/// The body of a request: tells the connection when all of it was read.
pub(crate) struct RequestBody {
    content: Incoming,
    /// `None` where the connection does not want to know.
    progress: Option<Arc<Progress>>,
}

impl RequestBody {
    /// The body of the request that its connection handles now.
    pub(super) fn new(content: Incoming, progress: &Arc<Progress>, is_told: bool) -> Self {
        let body = Self { content, progress: is_told.then(|| Arc::clone(progress)) };
        if body.content.is_end_stream() {
            body.tell();
        }
        body
    }

    fn tell(&self) {
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
        let frame = ready!(Pin::new(&mut self.content).poll_frame(context));
        if frame.is_none() {
            self.tell();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}
