//! Memory that processes share. Knows addresses and nothing of tensors.
//!
//! - [`segment`]: memory of our own that a worker process maps too; it never shrinks
//! - [`region`]: a part of an object that a client made, and may take away at any time
//! - [`cuda`]: memory of a GPU that a client made
//! - [`guard`]: makes memory that may be taken away safe to touch

pub mod cuda;
pub mod guard;
pub mod region;
pub mod segment;

pub use region::{Object, Region};
pub use segment::Segment;
