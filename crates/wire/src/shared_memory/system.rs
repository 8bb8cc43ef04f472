//! POSIX shared memory.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use trilith_core::{Error, Result};
use trilith_memory::{Object, Region};

use super::cuda::Gpus;
use super::memory::{Memory, Opener};

/// Opens POSIX shared memory objects of this machine, and memory of its GPUs.
#[derive(Default)]
pub struct SystemMemory {
    gpus: Gpus,
}

impl Opener for SystemMemory {
    fn open_system(&self, key: &str, offset: u64, byte_size: u64) -> Result<Arc<dyn Memory>> {
        let object = Object::open(key).map_err(|cause| {
            Error::invalid(format!("Unable to open shared memory region: '{key}': {cause}"))
                .with_hint("the key is the name under which the client made the object, such as '/name'")
        })?;
        let size = object.size();
        if offset.checked_add(byte_size).is_none_or(|end| end > size) {
            return Err(Error::invalid(format!(
                "invalid args: {byte_size} bytes from offset {offset} were asked for, '{key}' has {size} bytes"
            )));
        }
        // What lies within an object can be addressed.
        let region = object.map(offset, byte_size as usize).map_err(|cause| {
            Error::invalid(format!("the memory of '{key}' cannot be mapped: {cause}"))
                .with_hint("unregister regions that are no longer used")
        })?;
        Ok(Arc::new(region))
    }

    fn open_cuda(&self, handle: &[u8], device_id: u64, byte_size: u64) -> Result<Arc<dyn Memory>> {
        self.gpus.open(handle, device_id, byte_size)
    }
}

impl Memory for Arc<Region> {
    fn view(&self, offset: usize, length: usize) -> Result<Bytes> {
        Region::view(self, offset, length).map_err(|cause| gone(&cause))
    }

    fn write(&self, offset: usize, pieces: &[Bytes]) -> Result<()> {
        Region::write(self, offset, pieces.iter().map(AsRef::as_ref)).map_err(|cause| gone(&cause))
    }

    fn holds(&self, piece: &[u8]) -> bool {
        Region::holds(self, piece)
    }

    fn require(&self) -> Result<()> {
        Region::require(self).map_err(|cause| gone(&cause))
    }
}

fn gone(cause: &io::Error) -> Error {
    Error::invalid(cause.to_string())
        .with_hint("unregister it, and register it again when the object is whole")
}
