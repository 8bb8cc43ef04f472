//! The server's end of a worker's socket.
//!
//! It wakes the event loop when the worker has said something and, while a write waits for room, when there is room. A
//! stream that is always registered for both is reported writable each time the peer has read, which in a conversation
//! of small messages is one wake-up for nothing with each of them.

use std::io;
use std::os::unix::net::UnixStream;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// One read takes this much: more than a message of small tensors has.
const READ_SIZE: usize = 64 << 10;

/// A connected stream socket that does not block.
pub(crate) struct Socket {
    reading: AsyncFd<UnixStream>,
    /// There while a write waits for room.
    writing: Option<AsyncFd<UnixStream>>,
    scratch: Box<[u8]>,
}

impl Socket {
    /// Registers a socket that was set not to block with the event loop of the caller.
    pub(crate) fn new(stream: UnixStream) -> io::Result<Self> {
        let reading = register(stream, Interest::READABLE)?;
        Ok(Self { reading, writing: None, scratch: vec![0; READ_SIZE].into() })
    }

    /// Appends what has come to `target`; 0 bytes mean that the peer has closed its end.
    pub(crate) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        target: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        loop {
            let mut readiness = ready!(self.reading.poll_read_ready(context))?;
            match recv(self.reading.get_ref(), &mut self.scratch[..], RecvFlags::DONTWAIT) {
                Ok((_, length)) => {
                    // Less than there was room for: that was all, and the event loop tells of what comes after it.
                    // To ask once more would be a system call for nothing with each message.
                    if 0 < length && length < READ_SIZE {
                        readiness.clear_ready();
                    }
                    target.extend_from_slice(&self.scratch[..length]);
                    return Poll::Ready(Ok(length));
                }
                Err(Errno::AGAIN) => readiness.clear_ready(),
                Err(Errno::INTR) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }

    /// Takes what has come without waiting for anything, as [`Self::poll_read`] does.
    pub(crate) fn look(&mut self, target: &mut BytesMut) -> Option<()> {
        // Whatever else comes out of it comes out of the next read as well.
        let (_, length) = recv(self.reading.get_ref(), &mut self.scratch[..], RecvFlags::DONTWAIT).ok()?;
        if length == 0 {
            return None;
        }
        target.extend_from_slice(&self.scratch[..length]);
        Some(())
    }

    /// Writes what there is room for.
    pub(crate) fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            match send(self.reading.get_ref(), bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(length) => {
                    self.writing = None;
                    return Poll::Ready(Ok(length));
                }
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
            if self.writing.is_none() {
                let stream = self.reading.get_ref().try_clone()?;
                self.writing = Some(register(stream, Interest::WRITABLE)?);
            }
            if let Some(writing) = &self.writing {
                ready!(writing.poll_write_ready(context))?.clear_ready();
            }
        }
    }
}

#[expect(
    deprecated,
    reason = "sound for a stream, which owns its descriptor; its successor is `unsafe`, which this crate does without"
)]
fn register(stream: UnixStream, interest: Interest) -> io::Result<AsyncFd<UnixStream>> {
    AsyncFd::with_interest(stream, interest)
}
