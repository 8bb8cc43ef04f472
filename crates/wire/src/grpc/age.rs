//! How long connections live: clients behind a balancer come back to servers that were added meanwhile.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::sleep;

/// Longer than any server runs, and short enough to be added to a moment.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// The most that connections may live.
#[derive(Debug)]
pub(super) struct Age {
    limit: Option<Duration>,
    /// How long calls in flight may go on after that.
    pub(super) grace: Duration,
    connections: AtomicU32,
}

impl Age {
    /// No limits where none are given.
    pub(super) fn new(limit: Option<Duration>, grace: Option<Duration>) -> Self {
        Self { limit, grace: grace.unwrap_or(FOR_EVER), connections: AtomicU32::new(0) }
    }

    /// Waits until a connection that begins now has lived long enough.
    pub(super) async fn reached(&self) {
        match self.limit {
            Some(limit) => sleep(limit.mul_f64(self.next_part())).await,
            None => std::future::pending().await,
        }
    }

    /// From 0.9 to 1.1, so that connections that began together do not all come back together.
    fn next_part(&self) -> f64 {
        // Multiples of the golden ratio spread evenly, however many there are.
        let turn = self.connections.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9);
        0.9 + 0.2 * f64::from(turn) / f64::from(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_spread_a_tenth_to_both_sides() {
        let age = Age::new(None, None);
        let parts: Vec<f64> = (0..1000).map(|_| age.next_part()).collect();
        assert!(parts.iter().all(|part| (0.9..=1.1).contains(part)));
        assert!(parts.iter().any(|part| *part < 0.91) && parts.iter().any(|part| *part > 1.09));
    }
}
