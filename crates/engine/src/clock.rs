//! Where time comes from: the real clock, or a test's.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Nanoseconds since the clock's own beginning; only differences mean anything.
pub type Nanos = u64;

/// A source of time.
pub trait Clock: Send + Sync {
    /// Monotonic time.
    fn now(&self) -> Nanos;

    /// Milliseconds since 1970-01-01 UTC, for `last_inference`.
    fn unix_milliseconds(&self) -> u64;
}

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    beginning: Instant,
}

impl SystemClock {
    /// A clock that begins now.
    pub fn new() -> Self {
        Self { beginning: Instant::now() }
    }

    /// The instant at which this clock showed `at`, for sleeping until then.
    pub fn instant(&self, at: Nanos) -> Instant {
        self.beginning + std::time::Duration::from_nanos(at)
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Nanos {
        self.beginning.elapsed().as_nanos() as Nanos
    }

    fn unix_milliseconds(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_millis() as u64)
    }
}

/// A clock that stands still until it is moved: for tests, which need not sleep with it.
#[derive(Debug, Default)]
pub struct ManualClock {
    now: AtomicU64,
}

impl ManualClock {
    /// A clock at its beginning.
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves it forward.
    pub fn advance(&self, nanoseconds: Nanos) {
        self.now.fetch_add(nanoseconds, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Nanos {
        self.now.load(Ordering::SeqCst)
    }

    fn unix_milliseconds(&self) -> u64 {
        self.now() / 1_000_000
    }
}
