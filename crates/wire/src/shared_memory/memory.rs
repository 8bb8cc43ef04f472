//! What can be done with a client's memory, and how it is come by.

use std::sync::Arc;

use bytes::Bytes;
use trilith_core::{Code, Error, Fault, Result};

/// Memory of a client, for as long as this is held. Errors say what happened; the caller says to which region.
pub trait Memory: Send + Sync {
    /// The bytes at `offset`: in place where the memory can be read so, copied where it cannot.
    ///
    /// Fails if the memory is gone.
    fn view(&self, offset: usize, length: usize) -> Result<Bytes>;

    /// Copies `pieces`, one behind the other, to `offset`. They may lie in this very memory.
    ///
    /// Fails if the memory is gone.
    fn write(&self, offset: usize, pieces: &[Bytes]) -> Result<()>;

    /// Whether a piece lies in this memory, so that writing here may change it.
    fn holds(&self, piece: &[u8]) -> bool;

    /// Fails if the memory has gone, so that what was read from it means nothing.
    fn require(&self) -> Result<()>;
}

/// Comes by the memory of clients.
pub trait Opener: Send + Sync {
    /// `byte_size` bytes from `offset` on of the POSIX shared memory object of that name.
    fn open_system(&self, key: &str, offset: u64, byte_size: u64) -> Result<Arc<dyn Memory>>;

    /// `byte_size` bytes of a GPU's memory, by the 64 bytes of its `cudaIpcMemHandle_t`.
    fn open_cuda(&self, handle: &[u8], device_id: u64, byte_size: u64) -> Result<Arc<dyn Memory>>;
}

/// Comes by nothing: for a build without shared memory.
pub struct NoMemory;

impl Opener for NoMemory {
    fn open_system(&self, _: &str, _: u64, _: u64) -> Result<Arc<dyn Memory>> {
        Err(unimplemented("this build of the server has no shared memory"))
    }

    fn open_cuda(&self, _: &[u8], _: u64, _: u64) -> Result<Arc<dyn Memory>> {
        Err(unimplemented("this build of the server has no shared memory"))
    }
}

/// An error for what the protocol knows and this server does not do.
fn unimplemented(message: &'static str) -> Error {
    Error::new(Code::Unimplemented, Fault::Client, message).with_hint("send tensors in the request")
}
