//! Memory whose owner is on the other side of the border.

#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

use bytes::Bytes;
use pyo3::prelude::*;

/// Batches begin at multiples of this, so that vector instructions load whole cache lines.
const ALIGNMENT: usize = 64;

/// What keeps the bytes under a NumPy array alive: the array's base object.
#[pyclass(frozen, name = "_Memory", module = "trilith.native")]
pub(crate) struct Memory {
    pub(crate) content: Bytes,
}

/// A buffer at a 64-byte boundary, filled piece by piece.
pub(crate) struct AlignedBuffer {
    start: NonNull<u8>,
    layout: Layout,
    filled: usize,
}

// SAFETY: the buffer is plain memory with one owner; nothing in it is tied to a thread.
unsafe impl Send for AlignedBuffer {}
// SAFETY: shared references only read.
unsafe impl Sync for AlignedBuffer {}

impl AlignedBuffer {
    /// Joins pieces of `length` bytes in all; what they lack at the end is zero.
    pub(crate) fn join<'a>(length: usize, pieces: impl Iterator<Item = &'a Bytes>) -> Bytes {
        let mut buffer = Self::with_capacity(length);
        pieces.for_each(|piece| buffer.push(piece));
        Bytes::from_owner(buffer)
    }

    fn with_capacity(length: usize) -> Self {
        // A layout of this alignment is refused only beyond isize::MAX bytes, which admission has refused before.
        let layout = Layout::from_size_align(length.max(1), ALIGNMENT).unwrap_or(Layout::new::<u8>());
        // SAFETY: the layout's size is at least one byte.
        let start = unsafe { alloc(layout) };
        let Some(start) = NonNull::new(start) else { handle_alloc_error(layout) };
        Self { start, layout, filled: 0 }
    }

    fn push(&mut self, piece: &[u8]) {
        let length = piece.len().min(self.layout.size() - self.filled);
        // SAFETY: `length` bytes are left behind `filled`, and a fresh allocation overlaps nothing.
        unsafe {
            std::ptr::copy_nonoverlapping(piece.as_ptr(), self.start.as_ptr().add(self.filled), length);
        }
        self.filled += length;
    }
}

impl AsRef<[u8]> for AlignedBuffer {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the first `filled` bytes were written by `push`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.filled) }
    }
}

impl Drop for AlignedBuffer {
    fn drop(&mut self) {
        // SAFETY: allocated with this very layout.
        unsafe { dealloc(self.start.as_ptr(), self.layout) }
    }
}

/// Bytes of a Python object that stays alive and unchanged as long as they are in use.
///
/// Dropped on any thread: without the GIL, the reference goes to a pool of `pyo3` and is released when Python runs next.
pub(crate) struct Borrowed {
    _owner: Py<PyAny>,
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: `Py` may be sent; the memory behind `start` belongs to the object and is only read.
unsafe impl Send for Borrowed {}
// SAFETY: shared references only read.
unsafe impl Sync for Borrowed {}

impl Borrowed {
    /// Bytes at `start`, `length` of them, kept by `owner`.
    ///
    /// # Safety
    /// They must stay valid and unchanged as long as `owner` lives.
    pub(crate) unsafe fn lend(owner: Py<PyAny>, start: *const u8, length: usize) -> Bytes {
        match NonNull::new(start.cast_mut()) {
            Some(start) if length > 0 => Bytes::from_owner(Self { _owner: owner, start, length }),
            _ => Bytes::new(),
        }
    }
}

impl AsRef<[u8]> for Borrowed {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: by the contract of `lend`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}
