//! Each side gives the other its segment, once, before the first message.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::retry_on_intr;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use trilith_memory::Segment;

/// Says which protocol is spoken; changed whenever the messages change.
const GREETING: &[u8; 8] = b"TRILITH2";

/// A peer that was alive a moment ago answers at once; this bounds the wait for one that has died since.
const PATIENCE: Duration = Duration::from_secs(30);

/// Gives the peer a new segment of this side's own and takes the peer's. Returns own and peer's.
pub fn exchange(stream: &UnixStream) -> io::Result<(Arc<Segment>, Arc<Segment>)> {
    let own = Segment::create()?;
    send(stream, &own)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let peer = Segment::open(receive(stream)?)?;
    stream.set_read_timeout(None)?;
    Ok((own, peer))
}

fn send(stream: &UnixStream, segment: &Segment) -> io::Result<()> {
    let descriptors = [segment.descriptor()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::Error::other("no room for a descriptor beside the greeting"));
    }
    retry_on_intr(|| sendmsg(stream, &[IoSlice::new(GREETING)], &mut ancillary, SendFlags::empty()))?;
    Ok(())
}

fn receive(stream: &UnixStream) -> io::Result<OwnedFd> {
    let mut greeting = [0; GREETING.len()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    // With a timeout set, any signal ends the wait; to be stopped and continued, as a pause of a container does, is one.
    retry_on_intr(|| {
        recvmsg(stream, &mut [IoSliceMut::new(&mut greeting)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)
    })?;
    let wrong = |what| io::Error::new(io::ErrorKind::InvalidData, what);
    if &greeting != GREETING {
        return Err(wrong("the peer is of another version of this program, or is none"));
    }
    ancillary
        .drain()
        .find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        })
        .ok_or_else(|| wrong("the peer sent no segment"))
}
