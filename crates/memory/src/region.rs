//! A part of a POSIX shared memory object that a client made.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use bytes::Bytes;
use memmap2::{MmapOptions, MmapRaw};
use rustix::fs::{FileType, Mode, OFlags, fstat, open};

use crate::guard::Guard;

/// Where POSIX shared memory objects are files.
const FOLDER: &str = "/dev/shm";

/// A shared memory object that someone else made.
#[derive(Debug)]
pub struct Object {
    file: OwnedFd,
    size: u64,
}

impl Object {
    /// The object of that name, for reading and writing.
    ///
    /// Fails for what is no object: names that leave the folder of shared memory, links, folders, pipes.
    pub fn open(name: &str) -> io::Result<Self> {
        let name = name.trim_start_matches('/');
        if matches!(name, "" | "." | "..") || name.contains('/') {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "it is no name of a shared memory object",
            ));
        }
        // Links lead out of the folder, and whoever may write there would choose where to.
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = open(format!("{FOLDER}/{name}"), flags, Mode::empty())?;
        let status = fstat(&file)?;
        if !FileType::from_raw_mode(status.st_mode).is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no shared memory object"));
        }
        Ok(Self { file, size: status.st_size as u64 })
    }

    /// Bytes that it had when it was opened.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Maps `length` bytes from `offset` on; any offset will do.
    ///
    /// Fails if they do not lie within the object.
    pub fn map(&self, offset: u64, length: usize) -> io::Result<Arc<Region>> {
        if offset.checked_add(length as u64).is_none_or(|end| end > self.size) || length == 0 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the range is empty or leaves the object",
            ));
        }
        let map = MmapOptions::new().offset(offset).len(length).map_raw(&self.file)?;
        let start = map.as_ptr() as usize;
        // A mapping begins at a page; what lies before `offset` in it is mapped too.
        let before = start % rustix::param::page_size();
        // SAFETY: whole pages of the mapping, which goes after its guard; what is read from it is checked for loss.
        let guard = unsafe { Guard::over(start - before, before + length)? };
        Ok(Arc::new(Region { guard, map }))
    }
}

/// Mapped memory that a client reads and writes, and may take away.
///
/// What is read may change from one look to the next: content that has to be consistent in itself is copied first.
#[derive(Debug)]
pub struct Region {
    // Before the mapping: its address may be used again as soon as that is gone.
    guard: Guard,
    map: MmapRaw,
}

impl Region {
    /// The bytes at `offset`, without copying; they keep the region mapped.
    ///
    /// Fails if the range leaves the region, or the memory is gone.
    pub fn view(self: &Arc<Self>, offset: usize, length: usize) -> io::Result<Bytes> {
        self.check(offset, length)?;
        self.probe(offset, length)?;
        Ok(Bytes::from_owner(View { region: Arc::clone(self), offset, length }))
    }

    /// Copies `pieces`, one behind the other, to `offset`; they may lie in the region themselves.
    ///
    /// Fails if they leave the region, or the memory is gone.
    pub fn write<'a>(&self, offset: usize, pieces: impl IntoIterator<Item = &'a [u8]>) -> io::Result<()> {
        let mut position = offset;
        for piece in pieces {
            self.check(position, piece.len())?;
            // SAFETY: the range lies within the mapping (`check`), and loss of what is behind it is guarded against.
            // `copy` allows for a piece that overlaps its target.
            unsafe {
                std::ptr::copy(piece.as_ptr(), self.map.as_mut_ptr().add(position), piece.len());
            }
            position += piece.len();
        }
        self.require()
    }

    /// Bytes in it.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether there is no byte; there always is one.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fails if memory was lost since the region was mapped.
    pub fn require(&self) -> io::Result<()> {
        if self.guard.is_lost() {
            return Err(io::Error::other(
                "its memory is gone: the object was cut short, or shared memory is full",
            ));
        }
        Ok(())
    }

    /// Whether two of the bytes lie in the same place.
    pub fn holds(&self, bytes: &[u8]) -> bool {
        let start = self.map.as_ptr() as usize;
        let first = bytes.as_ptr() as usize;
        !bytes.is_empty() && first < start + self.len() && start < first + bytes.len()
    }

    fn check(&self, offset: usize, length: usize) -> io::Result<()> {
        match offset.checked_add(length) {
            Some(end) if end <= self.len() => Ok(()),
            _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "the range leaves the region")),
        }
    }

    /// Looks whether the memory is there. Objects lose their end first, so the last byte tells of all.
    fn probe(&self, offset: usize, length: usize) -> io::Result<()> {
        if length > 0 {
            // SAFETY: within the mapping, as the caller has checked; loss is guarded against.
            unsafe { self.map.as_ptr().add(offset + length - 1).read_volatile() };
        }
        self.require()
    }
}

struct View {
    region: Arc<Region>,
    offset: usize,
    length: usize,
}

impl AsRef<[u8]> for View {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the range lies within the mapping, which the region keeps (`Region::view` has checked it). A client
        // may write there meanwhile: numbers are whatever they are, and nothing here trusts two looks to be equal.
        unsafe { std::slice::from_raw_parts(self.region.map.as_ptr().add(self.offset), self.length) }
    }
}
