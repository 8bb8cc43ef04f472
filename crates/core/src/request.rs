//! What is asked of a model.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::compute::ComputeSums;
use crate::flow::Flow;
use crate::parameter::Parameters;
use crate::tensor::Tensor;

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

/// Tells that nobody waits for the answer any more. Cheap to copy, shared by everyone on the path.
#[derive(Clone, Debug, Default)]
pub struct Cancellation(Arc<Notice>);

#[derive(Debug, Default)]
struct Notice {
    is_given: AtomicBool,
    /// What cancels this as well.
    above: Option<Cancellation>,
}

impl Cancellation {
    /// Not cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// A part of something larger: cancelled with it, or alone.
    pub fn part(&self) -> Self {
        Self(Arc::new(Notice { is_given: AtomicBool::new(false), above: Some(self.clone()) }))
    }

    /// Cancels; it cannot be taken back.
    pub fn cancel(&self) {
        self.0.is_given.store(true, Ordering::Release);
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.is_given.load(Ordering::Acquire) || self.0.above.as_ref().is_some_and(Self::is_cancelled)
    }
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
    /// Set when the client goes away.
    pub cancellation: Cancellation,
    /// Where whoever takes the answers bounds how many may wait for it; `None` for no bound.
    pub flow: Option<Flow>,
    /// Where executions for this request note what they took, for the larger request that it is a part of.
    pub compute: Option<ComputeSums>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_cancelled_with_the_whole_but_not_the_other_way_round() {
        let whole = Cancellation::new();
        let (first, second) = (whole.part(), whole.part());
        first.cancel();
        assert!(first.is_cancelled() && !second.is_cancelled() && !whole.is_cancelled());
        whole.cancel();
        assert!(second.part().is_cancelled());
    }
}
