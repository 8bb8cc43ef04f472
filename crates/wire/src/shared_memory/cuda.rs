//! Memory of GPUs, through the CUDA driver of this machine.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use trilith_core::{Error, Result};
use trilith_memory::cuda::{DeviceRegion, Driver, Handle, LIBRARY};

use super::memory::Memory;

/// The machine's GPUs; the driver is loaded with the first region.
#[derive(Default)]
pub(super) struct Gpus(Mutex<Option<Arc<Driver>>>);

impl Gpus {
    pub(super) fn open(&self, handle: &[u8], device_id: u64, byte_size: u64) -> Result<Arc<dyn Memory>> {
        let driver = self.driver()?;
        let handle =
            handle.try_into().map(Handle).map_err(|_| Error::invalid("the handle is not one of CUDA's"))?;
        let device = i32::try_from(device_id)
            .map_err(|_| Error::invalid(format!("there is no device {device_id}")))?;
        let length = usize::try_from(byte_size)
            .map_err(|_| Error::invalid(format!("{byte_size} bytes cannot be addressed")))?;
        let region = driver.open(handle, device, length).map_err(|cause| {
            Error::invalid(format!("invalid args: {cause}")).with_hint(
                "the handle is that of cudaIpcGetMemHandle in another process, which keeps the memory meanwhile",
            )
        })?;
        Ok(Arc::new(region))
    }

    /// The driver; where there is none it is looked for again with each region, for it may come.
    fn driver(&self) -> Result<Arc<Driver>> {
        let mut loaded = self.0.lock();
        if let Some(driver) = &*loaded {
            return Ok(Arc::clone(driver));
        }
        let driver = Driver::load(LIBRARY).map_err(|cause| {
            Error::invalid(format!("GPUs not supported: {cause}")).with_hint("send tensors in the request")
        })?;
        *loaded = Some(Arc::clone(&driver));
        Ok(driver)
    }
}

impl Memory for DeviceRegion {
    fn view(&self, offset: usize, length: usize) -> Result<Bytes> {
        self.read(offset, length).map(Bytes::from).map_err(|cause| Error::internal(cause.to_string()))
    }

    fn write(&self, offset: usize, pieces: &[Bytes]) -> Result<()> {
        let pieces = pieces.iter().map(AsRef::as_ref);
        Self::write(self, offset, pieces).map_err(|cause| Error::internal(cause.to_string()))
    }

    /// What lies here is never in the host's memory.
    fn holds(&self, _: &[u8]) -> bool {
        false
    }

    /// A client that frees its memory leaves it to those who have it open.
    fn require(&self) -> Result<()> {
        Ok(())
    }
}
