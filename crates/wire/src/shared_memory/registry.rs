//! The regions that clients have registered, by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;
use trilith_core::{Code, Error, Fault, Result};

use super::memory::{Memory, Opener};

/// Names of objects that Triton's python backend makes for itself begin so; they are no client's.
const RESERVED_PREFIX: &str = "triton_python_backend_shm_region_";

/// Bytes of a `cudaIpcMemHandle_t`.
const CUDA_HANDLE_SIZE: usize = 64;

/// Which kind of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// POSIX shared memory.
    System,
    /// Memory of a GPU.
    Cuda,
}

/// Where a region's memory comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A part of a POSIX shared memory object.
    System {
        /// The object's name, as the client gave it.
        key: String,
        /// Where the region begins in the object.
        offset: u64,
    },
    /// Memory of a GPU.
    Cuda {
        /// Which GPU.
        device_id: u64,
    },
}

impl Origin {
    /// Which kind of memory.
    pub fn kind(&self) -> Kind {
        match self {
            Self::System { .. } => Kind::System,
            Self::Cuda { .. } => Kind::Cuda,
        }
    }
}

/// What is known of a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionStatus {
    /// What requests call it.
    pub name: String,
    /// Bytes in it.
    pub byte_size: u64,
    /// Where its memory comes from.
    pub origin: Origin,
}

/// A registered region. It lives until it is unregistered and the last request that uses it has ended.
pub struct Region {
    /// What is known of it.
    pub status: RegionStatus,
    /// Its memory.
    pub memory: Arc<dyn Memory>,
}

/// The regions that clients have registered.
pub struct SharedMemory {
    is_allowed: bool,
    opener: Box<dyn Opener>,
    regions: RwLock<BTreeMap<String, Arc<Region>>>,
}

impl SharedMemory {
    /// No regions. Clients may register some only if that `is_allowed`.
    pub fn new(is_allowed: bool, opener: Box<dyn Opener>) -> Self {
        Self { is_allowed, opener, regions: RwLock::default() }
    }

    /// What this build can open, which may be nothing.
    pub fn of_this_build(is_allowed: bool) -> Self {
        #[cfg(feature = "shm")]
        let opener = Box::<super::system::SystemMemory>::default();
        #[cfg(not(feature = "shm"))]
        let opener = Box::new(super::memory::NoMemory);
        Self::new(is_allowed, opener)
    }

    /// Registers a part of a POSIX shared memory object.
    pub fn register_system(&self, name: &str, key: &str, offset: u64, byte_size: u64) -> Result<()> {
        self.check(name, Kind::System, byte_size)?;
        if key.trim_start_matches('/').starts_with(RESERVED_PREFIX) {
            return Err(Error::invalid(format!(
                "cannot register shared memory region '{name}' with key '{key}' as the key contains the reserved \
                 prefix '{RESERVED_PREFIX}'"
            )));
        }
        let memory = self.opener.open_system(key, offset, byte_size);
        self.insert(name, byte_size, Origin::System { key: key.to_owned(), offset }, memory)
    }

    /// Registers memory of a GPU.
    pub fn register_cuda(&self, name: &str, handle: &[u8], device_id: u64, byte_size: u64) -> Result<()> {
        self.check(name, Kind::Cuda, byte_size)?;
        if handle.len() != CUDA_HANDLE_SIZE {
            return Err(Error::invalid(format!(
                "failed to register CUDA shared memory region '{name}': 'raw_handle' must be a cudaIpcMemHandle_t of \
                 {CUDA_HANDLE_SIZE} bytes, {} were given",
                handle.len()
            )));
        }
        let memory = self.opener.open_cuda(handle, device_id, byte_size);
        self.insert(name, byte_size, Origin::Cuda { device_id }, memory)
    }

    /// Forgets a region, or all of a kind. A name that is not known, or of the other kind, is no error.
    pub fn unregister(&self, kind: Kind, name: Option<&str>) -> Result<()> {
        self.require_allowed()?;
        let mut regions = self.regions.write();
        let is_meant = |region: &Region| {
            region.status.origin.kind() == kind && name.is_none_or(|name| name == region.status.name)
        };
        let names: Vec<String> = regions
            .values()
            .filter(|region| is_meant(region))
            .map(|region| region.status.name.clone())
            .collect();
        let forgotten: Vec<_> = names.iter().map(|name| regions.remove(name)).collect();
        drop(regions);
        // Unmapping large memory takes its time: not under the lock.
        drop(forgotten);
        Ok(())
    }

    /// What is known of a region, or of all of a kind, by name.
    pub fn status(&self, kind: Kind, name: Option<&str>) -> Result<Vec<RegionStatus>> {
        let regions = self.regions.read();
        let Some(name) = name else {
            let statuses = regions.values().map(|region| &region.status);
            return Ok(statuses.filter(|status| status.origin.kind() == kind).cloned().collect());
        };
        let status = regions.get(name).map(|region| &region.status);
        match (status, kind) {
            (Some(status), _) if status.origin.kind() == kind => Ok(vec![status.clone()]),
            (None, Kind::System) => {
                Err(Error::not_found(format!("Unable to find system shared memory region: '{name}'")))
            }
            (None, Kind::Cuda) => {
                Err(Error::not_found(format!("Unable to find cuda shared memory region: '{name}'")))
            }
            (Some(_), Kind::System) => Err(Error::not_found(format!(
                "The region named '{name}' is registered as CUDA shared memory, not system shared memory"
            ))),
            (Some(_), Kind::Cuda) => Err(Error::not_found(format!(
                "The region named '{name}' is registered as system shared memory, not CUDA shared memory"
            ))),
        }
    }

    /// The region of that name, which stays whole as long as it is held.
    pub fn find(&self, name: &str) -> Result<Arc<Region>> {
        self.require_allowed()?;
        self.regions.read().get(name).cloned().ok_or_else(|| {
            Error::not_found(format!("Unable to find shared memory region: '{name}'"))
                .with_hint("register it first")
        })
    }

    fn require_allowed(&self) -> Result<()> {
        if self.is_allowed {
            return Ok(());
        }
        let message = "Client shared memory is disabled";
        Err(Error::new(Code::Unimplemented, Fault::Client, message)
            .with_hint("Start the server with '--allow-client-shm=true' to enable."))
    }

    /// Fails where nothing may be registered, or not without a name.
    pub fn check_name(&self, name: &str, kind: Kind) -> Result<()> {
        self.require_allowed()?;
        if !name.is_empty() {
            return Ok(());
        }
        let kind = if kind == Kind::System { "system" } else { "cuda" };
        Err(Error::invalid(format!("'region name' is necessary to register {kind} shared memory region")))
    }

    fn check(&self, name: &str, kind: Kind, byte_size: u64) -> Result<()> {
        self.check_name(name, kind)?;
        if byte_size == 0 {
            return Err(Error::invalid(format!(
                "failed to register shared memory region '{name}': 'byte_size' must be 1 or more, 0 was given"
            )));
        }
        check_free(name, &self.regions.read())
    }

    /// Takes in memory that was opened outside the lock; of two clients that come at once, one gets the name.
    fn insert(
        &self,
        name: &str,
        byte_size: u64,
        origin: Origin,
        memory: Result<Arc<dyn Memory>>,
    ) -> Result<()> {
        let memory = memory.map_err(|mut error| {
            let region = match origin.kind() {
                Kind::System => format!("shared memory region '{name}':"),
                Kind::Cuda => format!("CUDA shared memory region: '{name}',"),
            };
            error.message = format!("failed to register {region} {}", error.message).into();
            error
        })?;
        let status = RegionStatus { name: name.to_owned(), byte_size, origin };
        let mut regions = self.regions.write();
        check_free(name, &regions)?;
        regions.insert(name.to_owned(), Arc::new(Region { status, memory }));
        Ok(())
    }
}

fn check_free(name: &str, regions: &BTreeMap<String, Arc<Region>>) -> Result<()> {
    if !regions.contains_key(name) {
        return Ok(());
    }
    let message = format!("shared memory region '{name}' already in manager");
    Err(Error::new(Code::AlreadyExists, Fault::Client, message)
        .with_hint("unregister it first, or choose another name"))
}
