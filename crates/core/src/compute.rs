//! What executions took for one request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Nanoseconds of the phases of an execution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ComputeTimes {
    /// Gathering inputs.
    pub input: u64,
    /// Running the model.
    pub infer: u64,
    /// Taking outputs apart.
    pub output: u64,
}

/// Sums over every execution that works for one request, in whichever model. Cheap to copy, shared by everyone.
#[derive(Clone, Debug, Default)]
pub struct ComputeSums(Arc<Sums>);

#[derive(Debug, Default)]
struct Sums {
    input: AtomicU64,
    infer: AtomicU64,
    output: AtomicU64,
}

impl ComputeSums {
    /// Nothing has run yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an execution.
    pub fn add(&self, times: ComputeTimes) {
        self.0.input.fetch_add(times.input, Ordering::Relaxed);
        self.0.infer.fetch_add(times.infer, Ordering::Relaxed);
        self.0.output.fetch_add(times.output, Ordering::Relaxed);
    }

    /// The sums so far.
    pub fn get(&self) -> ComputeTimes {
        ComputeTimes {
            input: self.0.input.load(Ordering::Relaxed),
            infer: self.0.infer.load(Ordering::Relaxed),
            output: self.0.output.load(Ordering::Relaxed),
        }
    }
}
