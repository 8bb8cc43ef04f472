//! A segment of memory that two processes share.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::{MmapOptions, MmapRaw};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, ftruncate, memfd_create};

/// Address space reserved for a segment. Only what is written takes memory; growing needs no new mapping, so
/// that views stay where they are. Halved until the system grants it.
const RESERVED: usize = 1 << 36;

/// Below this much address space a segment is of no use.
const RESERVED_LEAST: usize = 1 << 28;

/// Memory of one owner, who writes it, and one reader.
///
/// It can grow and never shrinks (a seal holds this), so that an offset that was good once stays good.
#[derive(Debug)]
pub struct Segment {
    map: MmapRaw,
    file: OwnedFd,
    /// Bytes behind the mapping, as far as it is known here; the owner may have grown it since.
    size: AtomicU64,
}

impl Segment {
    /// An empty segment.
    pub fn create() -> io::Result<Arc<Self>> {
        let file = memfd_create("trilith", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        fcntl_add_seals(&file, SealFlags::SHRINK)?;
        Self::map(file)
    }

    /// The segment of the peer.
    ///
    /// Fails if it could shrink, because reading past its end would then end this process.
    pub fn open(file: OwnedFd) -> io::Result<Arc<Self>> {
        if !fcntl_get_seals(&file)?.contains(SealFlags::SHRINK) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the peer's segment may shrink"));
        }
        Self::map(file)
    }

    fn map(file: OwnedFd) -> io::Result<Arc<Self>> {
        let mut length = RESERVED;
        let map = loop {
            match MmapOptions::new().len(length).no_reserve_swap().map_raw(&file) {
                Ok(map) => break map,
                Err(_) if length > RESERVED_LEAST => length /= 2,
                Err(error) => return Err(error),
            }
        };
        let size = AtomicU64::new(fstat(&file)?.st_size as u64);
        Ok(Arc::new(Self { map, file, size }))
    }

    /// The descriptor, to be given to the peer.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Bytes that can be addressed at most.
    pub fn capacity(&self) -> usize {
        self.map.len()
    }

    /// Makes it at least `size` bytes long. For the owner.
    pub fn grow(&self, size: u64) -> io::Result<()> {
        if size > self.size.load(Ordering::Acquire) {
            ftruncate(&self.file, size)?;
            self.size.store(size, Ordering::Release);
        }
        Ok(())
    }

    /// Copies `pieces`, one behind the other, to `offset`. For the owner, who has grown it far enough and knows
    /// that nobody reads there.
    ///
    /// Fails if they do not fit.
    pub fn write<'a>(&self, offset: u64, pieces: impl IntoIterator<Item = &'a [u8]>) -> io::Result<()> {
        let mut position = offset;
        for piece in pieces {
            self.check(position, piece.len() as u64)?;
            // SAFETY: the range lies within the file, which cannot shrink, and within the mapping (`check`).
            // The allocator of the owner (`arena`) gives each range to one tensor at a time.
            unsafe {
                let target = self.map.as_mut_ptr().add(position as usize);
                std::ptr::copy_nonoverlapping(piece.as_ptr(), target, piece.len());
            }
            position += piece.len() as u64;
        }
        Ok(())
    }

    /// The bytes at `offset`, which the owner does not touch until it is told that they are no longer in use.
    ///
    /// Fails if the range does not lie within the segment.
    pub fn read(&self, offset: u64, length: u64) -> io::Result<&[u8]> {
        self.check(offset, length)?;
        // SAFETY: the range lies within the file, which cannot shrink, and within the mapping (`check`). The owner
        // does not write there before the reader has let go: both ends are this crate, and a worker that broke
        // the rule could only spoil its own answers.
        Ok(unsafe { std::slice::from_raw_parts(self.map.as_ptr().add(offset as usize), length as usize) })
    }

    fn check(&self, offset: u64, length: u64) -> io::Result<()> {
        let end = offset.checked_add(length).filter(|end| *end <= self.map.len() as u64);
        let Some(end) = end else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a range runs past the end of the mapping",
            ));
        };
        if end <= self.size.load(Ordering::Acquire) {
            return Ok(());
        }
        let size = fstat(&self.file)?.st_size as u64;
        self.size.store(size, Ordering::Release);
        if end <= size {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, "a range runs past the end of the segment"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_owner_writes_the_peer_reads_after_any_growth() {
        let owner = Segment::create().unwrap();
        let peer = Segment::open(owner.descriptor().try_clone_to_owned().unwrap()).unwrap();
        assert!(peer.read(0, 1).is_err());
        owner.grow(4096).unwrap();
        owner.write(10, [&b"ab"[..], b"c"]).unwrap();
        assert_eq!(peer.read(10, 3).unwrap(), b"abc");
        owner.grow(1 << 20).unwrap();
        owner.write((1 << 20) - 3, [&b"end"[..]]).unwrap();
        assert_eq!(peer.read((1 << 20) - 3, 3).unwrap(), b"end");
    }

    #[test]
    fn ranges_outside_are_refused() {
        let segment = Segment::create().unwrap();
        segment.grow(4096).unwrap();
        assert!(segment.read(4090, 7).is_err());
        assert!(segment.read(u64::MAX, 2).is_err());
        assert!(segment.write(4090, [&[0; 7][..]]).is_err());
    }

    #[test]
    fn memory_that_may_shrink_is_refused() {
        let plain = memfd_create("plain", MemfdFlags::CLOEXEC).unwrap();
        assert!(Segment::open(plain).is_err());
    }
}
