//! Which event loop takes the next connection.
//!
//! A few dozen connections are served best by few loops: what arrives together can run together, and no core is woken
//! that is not needed. Hundreds keep more of them busy than there are. So the regular loops fill up first; from then on
//! loops in reserve take their part, and all get the same number.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Connections of a regular loop from which on the reserve helps. Measured on two cores with the small models of
/// `make bench`: with 64 clients one loop and two serve as many requests, with more clients two serve more.
const FULL: usize = 64;
/// Connections by which a loop may be ahead of the others, so that a burst need not pass from loop to loop.
const LEAD: usize = 8;

/// When an event loop takes connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// From the first one on.
    Regular,
    /// Once the regular ones are full.
    Reserve,
}

/// The event loops that serve one endpoint.
#[derive(Clone, Debug, Default)]
pub struct Shares(Arc<Mutex<Vec<EventLoop>>>);

#[derive(Debug)]
struct EventLoop {
    duty: Duty,
    connections: usize,
    turn: Arc<Notify>,
}

/// What one event loop has of the connections.
#[derive(Debug)]
pub struct Share {
    loops: Shares,
    index: usize,
    turn: Arc<Notify>,
}

/// A connection that is counted for as long as this lives.
#[derive(Debug)]
pub(super) struct Counted {
    loops: Shares,
    index: usize,
}

impl Shares {
    /// One more event loop.
    pub fn join(&self, duty: Duty) -> Share {
        let turn = Arc::new(Notify::new());
        let mut loops = self.0.lock();
        loops.push(EventLoop { duty, connections: 0, turn: Arc::clone(&turn) });
        Share { loops: self.clone(), index: loops.len() - 1, turn }
    }

    fn count(&self, index: usize, change: impl FnOnce(usize) -> usize) {
        let mut loops = self.0.lock();
        loops[index].connections = change(loops[index].connections);
        for place in 0..loops.len() {
            if may_accept(&loops, place) {
                loops[place].turn.notify_one();
            }
        }
    }
}

impl Share {
    /// Waits until it is this loop's turn to take a connection.
    pub(super) async fn turn(&self) {
        // Who is told before it waits need not wait.
        while !self.is_turn() {
            self.turn.notified().await;
        }
    }

    /// Whether it is this loop's turn to take a connection.
    pub(super) fn is_turn(&self) -> bool {
        may_accept(&self.loops.0.lock(), self.index)
    }

    /// Counts a connection.
    pub(super) fn count(&self) -> Counted {
        self.loops.count(self.index, |connections| connections + 1);
        Counted { loops: self.loops.clone(), index: self.index }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.loops.count(self.index, |connections| connections - 1);
    }
}

/// There always is one that may.
fn may_accept(loops: &[EventLoop], index: usize) -> bool {
    let one = &loops[index];
    if one.duty == Duty::Regular && one.connections < FULL {
        return true;
    }
    let is_full = |other: &EventLoop| other.duty == Duty::Reserve || other.connections >= FULL;
    let least = loops.iter().map(|other| other.connections).min().unwrap_or(0);
    loops.iter().all(is_full) && one.connections < least + LEAD
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use proptest::prelude::*;

    use super::*;

    fn is_due(share: &Share) -> bool {
        pin!(share.turn()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    fn fill(share: &Share, connections: usize) -> Vec<Counted> {
        (0..connections).map(|_| share.count()).collect()
    }

    #[test]
    fn the_reserve_comes_once_every_regular_loop_is_full() {
        let loops = Shares::default();
        let (first, second, reserve) =
            (loops.join(Duty::Regular), loops.join(Duty::Regular), loops.join(Duty::Reserve));
        let mut connections = fill(&first, FULL);
        assert_eq!([&first, &second, &reserve].map(is_due), [false, true, false]);
        connections.extend(fill(&second, FULL));
        assert_eq!([&first, &second, &reserve].map(is_due), [false, false, true]);
        connections.extend(fill(&reserve, FULL));
        assert_eq!([&first, &second, &reserve].map(is_due), [true, true, true]);
    }

    #[test]
    fn a_loop_alone_takes_all() {
        let only = Shares::default().join(Duty::Regular);
        let _connections = fill(&only, 10 * FULL);
        assert!(is_due(&only));
    }

    #[tokio::test]
    async fn a_loop_that_waits_is_told_when_its_turn_comes() {
        let loops = Shares::default();
        let (regular, reserve) = (loops.join(Duty::Regular), loops.join(Duty::Reserve));
        let mut connections = fill(&regular, FULL - 1);
        let waiting = tokio::spawn(async move {
            reserve.turn().await;
            reserve
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        connections.push(regular.count());
        let reserve = waiting.await.expect("it is told");
        connections.pop();
        assert!(!is_due(&reserve), "there is room again where it is served best");
        assert!(is_due(&regular));
    }

    proptest! {
        #[test]
        fn somebody_may_always_take_the_next_one(
            duties in proptest::collection::vec((any::<bool>(), 0..200_usize), 0..6),
            first in 0..200_usize,
        ) {
            let all = duties.into_iter().chain([(true, first)]);
            let loops: Vec<_> = all
                .map(|(is_regular, connections)| EventLoop {
                    duty: if is_regular { Duty::Regular } else { Duty::Reserve },
                    connections,
                    turn: Arc::default(),
                })
                .collect();
            prop_assert!((0..loops.len()).any(|index| may_accept(&loops, index)));
        }
    }
}
