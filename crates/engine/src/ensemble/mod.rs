//! Models made of other models.
//!
//! - [`graph`]: the steps over their tensors, and which of them a request needs
//! - [`door`]: where a request comes in, and where its answer is looked up
//! - [`progress`]: how far a request has come, as a pure state
//! - [`piece`]: a tensor on its way from one step to the next
//! - [`run`]: one request: steps that are ready start, answers leave
//! - [`answer`]: what a request to an ensemble is answered
//!
//! A step's request goes the way of every request that a model makes of another one. Nothing here copies a payload:
//! steps hand on what they were given.

mod answer;
mod door;
mod graph;
mod piece;
mod progress;
mod run;

pub(crate) use door::enter;
pub use graph::{Graph, StepSpec};
pub(crate) use run::{Run, Whence};
