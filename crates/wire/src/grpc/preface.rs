//! What every HTTP/2 client sends first.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::time::timeout;

use super::ahead::Ahead;
use super::authority::Mender;
use super::passing::pass_writes_on;
use crate::transport::Stream;

const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Whether the client speaks HTTP/2. What else comes to this port is not answered: no protocol is known for it.
pub(super) async fn read_preface(stream: &mut Ahead<Stream>, within: Duration) -> bool {
    let mut preface = [0; PREFACE.len()];
    let read = timeout(within, stream.read_exact(&mut preface)).await;
    matches!(read, Ok(Ok(_))) && preface == *PREFACE
}

/// A stream whose preface was taken, and that gives it once more to those who come after.
pub(super) struct Prefaced<S> {
    left: &'static [u8],
    mender: Mender,
    stream: S,
}

impl<S> Prefaced<S> {
    /// A stream whose preface was read.
    pub(super) fn new(stream: S) -> Self {
        Self { left: PREFACE, mender: Mender::new(), stream }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Prefaced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left.is_empty() {
            let before = buffer.filled().len();
            let result = Pin::new(&mut self.stream).poll_read(context, buffer);
            self.mender.mend(&mut buffer.filled_mut()[before..]);
            return result;
        }
        let (now, later) = self.left.split_at(self.left.len().min(buffer.remaining()));
        buffer.put_slice(now);
        self.left = later;
        Poll::Ready(Ok(()))
    }
}

pass_writes_on!(Prefaced);
