//! The verbs of inference, in the order of a request's path.
//!
//! - [`engine`]: the door: which models there are, and `infer`
//! - [`admit`]: checks a request against the model's signature
//! - [`model`]: one served version: its signature, its queue, its statistics
//! - [`schedule`]: which requests wait, which are late, which go together
//! - [`sequencing`]: what sequences add to requests: controls and states
//! - [`ensemble`]: models made of other models
//! - [`port`]: where instances take their batches
//! - [`batch`]: requests that run together: gather inputs, split outputs
//! - [`ragged`]: what the server tells a model about a batch whose requests differ in their extents
//! - [`job`]: one request of a batch
//! - [`classify`]: the classification extension
//! - [`cache`]: answers that are kept, to be given again
//! - [`calls`]: requests that models make of each other, and how they would wait for ever
//! - [`mailbox`]: the answers to a request that somebody waits for
//! - [`metrics`]: what models count for themselves
//! - [`reply`]: the way back, answered exactly once
//! - [`readiness`]: models that say themselves whether they can serve
//! - [`round`]: requests that arrive together go to their model together
//! - [`statistics`]: what is counted and timed
//! - [`clock`]: where time comes from
//! - [`vigil`]: looking for a moment before sleeping
//!
//! Behind them: `address` (which model is meant), `limits` (instances that share resources), `index` (which models there
//! are), `pending` (an admitted request), `expiry` (who wakes the one that expires requests), `trace` (what is noted of
//! traced requests), `matching` and `outputs` (tensors against the signature), `tray` (where the answers of a mailbox
//! lie), `sync` (what threads meet at).
//!
//! Nothing here opens a socket, starts a thread, sleeps or knows Python. Whoever executes batches
//! (a Python thread, a worker process) pulls them through a [`model::Port`].

mod address;
pub mod admit;
pub mod batch;
pub mod cache;
pub mod calls;
pub mod classify;
pub mod clock;
pub mod engine;
pub mod ensemble;
mod expiry;
mod index;
pub mod job;
mod limits;
pub mod mailbox;
mod matching;
pub mod metrics;
pub mod model;
mod outputs;
mod pending;
pub mod port;
pub mod ragged;
pub mod readiness;
mod remote;
pub mod reply;
pub mod round;
pub mod schedule;
pub mod sequencing;
pub mod statistics;
mod sync;
pub mod ticket;
mod trace;
mod tray;
pub mod vigil;

pub use address::Address;
pub use batch::{Batch, Job};
pub use cache::Cache;
pub use calls::{Origin, Seat};
pub use clock::{Clock, ManualClock, Nanos};
pub use engine::{Engine, EngineOptions, IndexEntry, State};
pub use limits::{Demand, Reservation, Resource, Supply};
pub use mailbox::Mailbox;
pub use metrics::MetricRegistry;
pub use model::{Description, Model, ModelSpec, Port, Turn};
pub use ragged::{BatchInputKind, BatchInputSpec, BatchOutputSpec, BatchTensors};
pub use readiness::{Readiness, Verdict};
pub use reply::{Answer, Reply};
pub use schedule::sequence::SequenceStrategy;
pub use schedule::{QueuePolicy, SchedulerSpec, TimeoutAction};
pub use sequencing::{ControlKind, ControlSpec, SequenceSpec, StateSpec};
pub use ticket::Ticket;
pub use vigil::{Attendance, Vigil};
