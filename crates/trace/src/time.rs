//! The engine's clock and the system's.

use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};
use trilith_core::trace::Instant;

/// Tells the time, and translates the engine's into that of the system.
pub struct Timebase {
    now: Box<dyn Fn() -> Instant + Send + Sync>,
    /// What the system's monotonic clock showed when the engine's showed 0.
    beginning: u64,
}

impl Timebase {
    /// Over the engine's clock.
    pub fn new(now: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        let beginning = monotonic().saturating_sub(now());
        Self { now: Box::new(now), beginning }
    }

    /// Over a clock whose beginning is known.
    pub fn with_beginning(now: impl Fn() -> Instant + Send + Sync + 'static, beginning: u64) -> Self {
        Self { now: Box::new(now), beginning }
    }

    /// Now, by the engine's clock.
    pub fn now(&self) -> Instant {
        (self.now)()
    }

    /// What the system's monotonic clock shows at that time, in nanoseconds.
    pub fn monotonic(&self, at: Instant) -> u64 {
        self.beginning + at
    }

    /// What has to be added to the engine's time for nanoseconds since 1970-01-01 UTC, as the system sees it now.
    pub fn unix_offset(&self) -> u64 {
        let unix =
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_nanos() as u64);
        unix.saturating_sub(self.now())
    }
}

fn monotonic() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}
