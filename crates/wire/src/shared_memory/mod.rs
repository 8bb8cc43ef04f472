//! Tensors that clients place in shared memory, instead of sending them.
//!
//! - [`memory`]: what can be done with a client's memory, and how it is come by
//! - [`registry`]: the regions that clients have registered, by name
//! - [`reference`]: what a request says of where a tensor lies
//! - [`placement`]: reads a request's inputs from regions and writes its outputs to them
//! - [`system`]: POSIX shared memory; Cargo feature `shm`
//! - `cuda`: memory of GPUs; the same feature

#[cfg(feature = "shm")]
mod cuda;
pub mod memory;
pub mod placement;
pub mod reference;
pub mod registry;
#[cfg(feature = "shm")]
pub mod system;

pub use memory::{Memory, Opener};
pub use placement::Placements;
pub use reference::{Reference, References};
pub use registry::{Kind, Origin, RegionStatus, SharedMemory};
