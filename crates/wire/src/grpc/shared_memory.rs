//! `SystemSharedMemory...` and `CudaSharedMemory...`: the regions that clients have registered.

use trilith_core::{Error, Result};

use super::protocol::inference::cuda_shared_memory_status_response::RegionStatus as CudaRegionStatus;
use super::protocol::inference::system_shared_memory_status_response::RegionStatus as SystemRegionStatus;
use super::protocol::inference::{
    CudaSharedMemoryRegisterRequest, CudaSharedMemoryRegisterResponse, CudaSharedMemoryStatusRequest,
    CudaSharedMemoryStatusResponse, CudaSharedMemoryUnregisterRequest, CudaSharedMemoryUnregisterResponse,
    SystemSharedMemoryRegisterRequest, SystemSharedMemoryRegisterResponse, SystemSharedMemoryStatusRequest,
    SystemSharedMemoryStatusResponse, SystemSharedMemoryUnregisterRequest,
    SystemSharedMemoryUnregisterResponse,
};
use crate::context::Context;
use crate::shared_memory::{Kind, Origin};

/// Which system regions there are: all, or the one that is named.
pub(super) fn system_status(
    context: &Context,
    request: &SystemSharedMemoryStatusRequest,
) -> Result<SystemSharedMemoryStatusResponse> {
    let statuses = context.shared_memory.status(Kind::System, named(&request.name))?;
    let regions = statuses.into_iter().filter_map(|status| {
        let Origin::System { key, offset } = status.origin else { return None };
        let region = SystemRegionStatus { name: status.name, key, offset, byte_size: status.byte_size };
        Some((region.name.clone(), region))
    });
    Ok(SystemSharedMemoryStatusResponse { regions: regions.collect() })
}

/// Registers a part of a POSIX shared memory object.
pub(super) fn system_register(
    context: &Context,
    request: &SystemSharedMemoryRegisterRequest,
) -> Result<SystemSharedMemoryRegisterResponse> {
    let SystemSharedMemoryRegisterRequest { name, key, offset, byte_size } = request;
    context.shared_memory.register_system(name, key, *offset, *byte_size)?;
    Ok(SystemSharedMemoryRegisterResponse {})
}

/// Forgets one system region, or all.
pub(super) fn system_unregister(
    context: &Context,
    request: &SystemSharedMemoryUnregisterRequest,
) -> Result<SystemSharedMemoryUnregisterResponse> {
    context.shared_memory.unregister(Kind::System, named(&request.name))?;
    Ok(SystemSharedMemoryUnregisterResponse {})
}

/// Which regions of GPUs there are: all, or the one that is named.
pub(super) fn cuda_status(
    context: &Context,
    request: &CudaSharedMemoryStatusRequest,
) -> Result<CudaSharedMemoryStatusResponse> {
    let statuses = context.shared_memory.status(Kind::Cuda, named(&request.name))?;
    let regions = statuses.into_iter().filter_map(|status| {
        let Origin::Cuda { device_id } = status.origin else { return None };
        let region = CudaRegionStatus { name: status.name, device_id, byte_size: status.byte_size };
        Some((region.name.clone(), region))
    });
    Ok(CudaSharedMemoryStatusResponse { regions: regions.collect() })
}

/// Registers memory of a GPU.
pub(super) fn cuda_register(
    context: &Context,
    request: &CudaSharedMemoryRegisterRequest,
) -> Result<CudaSharedMemoryRegisterResponse> {
    let CudaSharedMemoryRegisterRequest { name, raw_handle, device_id, byte_size } = request;
    let device_id = u64::try_from(*device_id).map_err(|_| {
        Error::invalid(format!(
            "failed to register CUDA shared memory region '{name}': 'device_id' must not be negative, {device_id} was \
             given"
        ))
    })?;
    context.shared_memory.register_cuda(name, raw_handle, device_id, *byte_size)?;
    Ok(CudaSharedMemoryRegisterResponse {})
}

/// Forgets one region of a GPU, or all.
pub(super) fn cuda_unregister(
    context: &Context,
    request: &CudaSharedMemoryUnregisterRequest,
) -> Result<CudaSharedMemoryUnregisterResponse> {
    context.shared_memory.unregister(Kind::Cuda, named(&request.name))?;
    Ok(CudaSharedMemoryUnregisterResponse {})
}

/// The empty text names no region, and so means all.
fn named(name: &str) -> Option<&str> {
    Some(name).filter(|name| !name.is_empty())
}
