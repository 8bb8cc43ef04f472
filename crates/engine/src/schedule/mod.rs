//! Which requests wait, which are late, which go together.
//!
//! - [`queue`]: priority levels, timeouts, bounds
//! - [`rule`]: when waiting requests become a batch: direct or dynamic
//! - [`dispatch`]: queue, rule and the ports that wait for work, as one state
//! - [`sequence`]: requests that belong together and meet one instance
//! - [`limiter`]: who may run when not all can
//! - [`scheduler`]: either of the two, behind one door
//! - [`order`]: lets answers leave in the order in which their requests began
//!
//! All of it is pure: it takes the time as a number and gives back whom to wake and what to answer.

pub(crate) mod dispatch;
pub mod limiter;
pub(crate) mod order;
pub(crate) mod queue;
#[cfg(test)]
mod queue_machine;
pub(crate) mod rule;
pub(crate) mod scheduler;
pub mod sequence;

use std::collections::BTreeMap;

use crate::clock::Nanos;

/// What happens to a request that waited too long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeoutAction {
    /// It is refused.
    #[default]
    Reject,
    /// It goes behind those that are in time.
    Delay,
}

/// How long and how many requests may wait at one priority level.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueuePolicy {
    /// What happens to a request that waited too long.
    pub timeout_action: TimeoutAction,
    /// How long is too long; 0 for no limit.
    pub default_timeout: Nanos,
    /// Whether a request may bring a shorter limit of its own.
    pub allow_timeout_override: bool,
    /// How many may wait; 0 for no limit.
    pub max_queue_size: u32,
}

/// How a model's requests are scheduled: what `config.pbtxt` says, with units resolved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SchedulerSpec {
    /// Whether requests may share a batch (the dynamic batcher is on).
    pub dynamic: bool,
    /// Batch sizes to aim for, ascending.
    pub preferred_batch_sizes: Vec<u32>,
    /// How long to wait for a batch of preferred size.
    pub max_queue_delay: Nanos,
    /// Whether answers leave in the order in which requests came.
    pub preserve_ordering: bool,
    /// Number of priority levels; 0 for one level without priorities.
    pub priority_levels: u64,
    /// Level of requests that name none.
    pub default_priority_level: u64,
    /// Policy of levels that have none of their own.
    pub default_policy: QueuePolicy,
    /// Policies by level.
    pub policies: BTreeMap<u64, QueuePolicy>,
}
