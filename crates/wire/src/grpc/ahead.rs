//! Reads ahead from a socket: little where little comes, much where much does.
//!
//! Frames are read in pieces of 8 KiB otherwise, which takes over a hundred system calls for a tensor of one MiB. But
//! large buffers begin at addresses far apart that share their places in the processor's cache: with hundreds of
//! connections each small request finds its own pushed out. So a connection begins with a small one.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

use super::passing::pass_writes_on;

/// What is read at once to begin with; no power of two, so that buffers of many connections differ in their places.
const LEAST: usize = 9 << 10;
/// What is read at once at most.
const MOST: usize = 256 << 10;

/// A stream of which is read what is there, up to a bound that grows with what comes.
pub(super) struct Ahead<S> {
    stream: S,
    room: Vec<u8>,
    /// Where what was read, and not yet given, begins and ends.
    begin: usize,
    end: usize,
}

impl<S> Ahead<S> {
    /// Of a stream of which nothing was read.
    pub(super) fn new(stream: S) -> Self {
        Self { stream, room: vec![0; LEAST], begin: 0, end: 0 }
    }
}

impl<S: AsyncRead + Unpin> Ahead<S> {
    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.end == self.room.len() && self.end < MOST {
            // More was there than it could hold.
            self.room = vec![0; (self.end * 4).min(MOST)];
        }
        (self.begin, self.end) = (0, 0);
        let mut read = ReadBuf::new(&mut self.room);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut read))?;
        self.end = read.filled().len();
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Ahead<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.begin == this.end {
            if buffer.remaining() >= MOST {
                return Pin::new(&mut this.stream).poll_read(context, buffer);
            }
            ready!(this.poll_fill(context))?;
        }
        let length = buffer.remaining().min(this.end - this.begin);
        buffer.put_slice(&this.room[this.begin..this.begin + length]);
        this.begin += length;
        Poll::Ready(Ok(()))
    }
}

pass_writes_on!(Ahead);

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use proptest::prelude::*;

    use super::*;

    /// Gives all that fits of what is left, and the end.
    struct Full(Vec<u8>);

    impl AsyncRead for Full {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let length = self.0.len().min(buffer.remaining());
            buffer.put_slice(&self.0[..length]);
            self.0.drain(..length);
            Poll::Ready(Ok(()))
        }
    }

    fn read(stream: &mut Ahead<Full>, most: usize) -> Vec<u8> {
        let mut target = vec![0; most];
        let mut buffer = ReadBuf::new(&mut target);
        let done = Pin::new(stream).poll_read(&mut Context::from_waker(Waker::noop()), &mut buffer);
        assert!(matches!(done, Poll::Ready(Ok(()))));
        buffer.filled().to_vec()
    }

    #[test]
    fn a_connection_with_small_requests_reads_into_a_small_buffer() {
        let mut stream = Ahead::new(Full(Vec::new()));
        for _ in 0..100 {
            stream.stream.0 = vec![7; 4000];
            assert_eq!(read(&mut stream, 8192).len(), 4000);
        }
        assert_eq!(stream.room.len(), LEAST);
    }

    #[test]
    fn where_much_comes_much_is_read_at_once() {
        let mut stream = Ahead::new(Full(vec![7; 4 * MOST]));
        while !read(&mut stream, 8192).is_empty() {}
        assert_eq!(stream.room.len(), MOST);
    }

    proptest! {
        /// Whoever reads in pieces of any size gets every byte in order, then the end.
        #[test]
        fn nothing_is_lost(length in 0..3 * MOST, most in prop::collection::vec(1..2 * MOST, 1..8)) {
            let content: Vec<u8> = (0..length).map(|index| index as u8).collect();
            let mut stream = Ahead::new(Full(content.clone()));
            let mut given = Vec::new();
            for most in most.iter().cycle() {
                // A few bytes at a time would take for ever.
                let piece = read(&mut stream, *most + 1000);
                if piece.is_empty() {
                    break;
                }
                given.extend(piece);
            }
            prop_assert!(given == content);
        }
    }
}
