//! What is asked of a model.

use std::sync::Arc;

pub use crate::cancellation::{Cancellation, Listening};
use crate::compute::ComputeSums;
use crate::flow::Flow;
use crate::parameter::Parameters;
use crate::tensor::Tensor;
use crate::trace::Trace;
use crate::wording::Wording;

/// Most inputs, and most outputs, that one request may name. Models have a few hundred at most, and a few bytes on the
/// wire must not grow into gigabytes here.
pub const MAX_TENSORS: usize = 4096;

/// Names the sequence that a request belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CorrelationId {
    /// A number; 0 means that the request belongs to no sequence.
    Number(u64),
    /// A text; the empty one means that the request belongs to no sequence.
    Text(String),
}

impl Default for CorrelationId {
    fn default() -> Self {
        Self::Number(0)
    }
}

/// The parts of the sequence flags.
pub mod flags {
    /// The request opens its sequence.
    pub const SEQUENCE_START: u32 = 1;
    /// The request closes its sequence.
    pub const SEQUENCE_END: u32 = 2;
}

/// How the values of an output are to be delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// As the endpoint delivers by default.
    #[default]
    Default,
    /// As raw bytes behind the header (HTTP).
    Binary,
    /// As JSON values (HTTP).
    Json,
    /// Not at all: they are written to shared memory.
    SharedMemory,
}

/// An output that the client named.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RequestedOutput {
    /// Name of the output.
    pub name: String,
    /// Number of top classes wanted in place of the values; 0 for the values themselves.
    pub classification: u32,
    /// How the values are to travel.
    pub delivery: Delivery,
    /// Values that ride along.
    pub parameters: Parameters,
}

/// A request, as decoded from the wire and not yet checked against a model.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Name of the model.
    pub model: String,
    /// Version as the client wrote it; `None` lets the version policy choose.
    pub version: Option<i64>,
    /// The client's own name for this request; empty if it gave none.
    pub id: String,
    /// Values that ride along and mean nothing to the server.
    pub parameters: Parameters,
    /// Input tensors in the client's order.
    pub inputs: Vec<Tensor>,
    /// Outputs in the client's order; empty for all of them.
    pub outputs: Vec<RequestedOutput>,
    /// The sequence.
    pub correlation_id: CorrelationId,
    /// Sequence flags: see [`flags`].
    pub flags: u32,
    /// 0 for the model's default; 1 is the highest.
    pub priority: u64,
    /// Microseconds in the queue after which the request is late; 0 for the model's default.
    pub timeout_microseconds: u64,
    /// Whether inputs lie in memory that others may change at any time.
    pub is_volatile: bool,
    /// The bytes that it came in, where they say all of it; for models whose answers are kept.
    pub wording: Option<Wording>,
    /// Set when the client goes away.
    pub cancellation: Cancellation,
    /// Where whoever takes the answers bounds how many may wait for it; `None` for no bound.
    pub flow: Option<Flow>,
    /// Where executions for this request note what they took, for the larger request that it is a part of.
    pub compute: Option<ComputeSums>,
    /// Who notes what becomes of it. Of a request that a model makes: who does so for the request that it answers.
    pub trace: Option<Arc<dyn Trace>>,
}
