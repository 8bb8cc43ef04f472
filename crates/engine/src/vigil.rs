//! Looking for a moment before going to sleep.
//!
//! Waking a thread that sleeps on an idle core costs some microseconds on real machines and some dozens on virtual
//! ones, in time and in processor time, and the less there is to do, the more often it happens. A thread that is
//! likely to be needed again at once looks for that long before it sleeps, and soon stops doing so where that does not
//! pay. It is for threads that have nothing else to do: see [`Attendance`].

use std::cell::Cell;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::round;

/// How long a thread looks: about what it takes on a virtual machine to wake a client, and be woken by it.
const LOOK: Duration = Duration::from_micros(100);
/// Looks between two readings of the clock.
const LOOKS: u32 = 16;
/// Vigils that were worth it are remembered up to this number.
const MOST_TRUST: u32 = 4;
/// What a vigil in vain costs of them.
const LOST_TRUST: u32 = 2;
/// Occasions that pass before a new attempt, at most.
const LONGEST_REST: u32 = 1024;

/// Requests in one turn from which on a thread has a crowd before it.
const CROWD: u32 = 8;
/// Turns without a crowd after which it is taken to have gone.
const QUIET: u32 = 1000;

/// Whether two threads can run at once: on one core, looking only keeps the other from coming.
static HAS_CORES: LazyLock<bool> =
    LazyLock::new(|| thread::available_parallelism().is_ok_and(|cores| cores.get() > 1));

thread_local! {
    static DAY: Day = const {
        Day { waiting: Cell::new(0), begun: Cell::new(0), begun_before: Cell::new(0), crowded: Cell::new(0) }
    };
}

/// What the current thread has to do.
struct Day {
    /// Answers that it waits for.
    waiting: Cell<u32>,
    /// Requests that it has sent on their way since it last had nothing to do.
    begun: Cell<u32>,
    /// The same, for the time before.
    begun_before: Cell<u32>,
    /// Turns that still count as crowded.
    crowded: Cell<u32>,
}

/// Looks for something before sleeping, as long as that pays.
#[derive(Debug, Default)]
pub struct Vigil {
    /// How far it has paid lately.
    trust: AtomicU32,
    /// Occasions that still pass before the next attempt.
    rest: AtomicU32,
    /// Occasions that pass after the next attempt in vain.
    next_rest: AtomicU32,
}

impl Vigil {
    /// Looks for a moment; what was found.
    pub fn keep<T>(&self, mut look: impl FnMut() -> Option<T>) -> Option<T> {
        if !*HAS_CORES || !self.is_due() {
            return None;
        }
        round::end();
        let mut until = None;
        loop {
            for _ in 0..LOOKS {
                if let Some(found) = look() {
                    self.note(true);
                    return Some(found);
                }
                std::hint::spin_loop();
            }
            let now = Instant::now();
            if now > *until.get_or_insert(now + LOOK) {
                self.note(false);
                return None;
            }
            // Whoever brings it may be waiting for this very core.
            thread::yield_now();
        }
    }

    fn is_due(&self) -> bool {
        // Threads that share a vigil may count an occasion twice, which only shifts the next attempt.
        let rest = self.rest.load(Ordering::Relaxed);
        self.rest.store(rest.saturating_sub(1), Ordering::Relaxed);
        rest == 0
    }

    fn note(&self, has_paid: bool) {
        let trust = self.trust.load(Ordering::Relaxed);
        let next_rest = self.next_rest.load(Ordering::Relaxed);
        if has_paid {
            self.trust.store((trust + 1).min(MOST_TRUST), Ordering::Relaxed);
            self.next_rest.store(next_rest / 2, Ordering::Relaxed);
            return;
        }
        self.trust.store(trust.saturating_sub(LOST_TRUST), Ordering::Relaxed);
        if trust <= LOST_TRUST {
            self.rest.store(next_rest, Ordering::Relaxed);
            self.next_rest.store((next_rest * 2 + 1).min(LONGEST_REST), Ordering::Relaxed);
        }
    }
}

/// Says that the current thread has sent a request on its way and will take its answer, until dropped.
#[derive(Debug)]
pub struct Attendance(());

impl Attendance {
    /// From now on.
    pub fn begin() -> Self {
        DAY.with(|day| {
            day.waiting.set(day.waiting.get() + 1);
            day.begun.set(day.begun.get() + 1);
        });
        Self(())
    }

    /// Whether the current thread waits for exactly one answer and has had no more to do lately, so that it may as
    /// well look for it. A crowd of clients is remembered for longer: among them a turn with one request says nothing,
    /// and who looks takes the core that they would need to send the next.
    pub fn is_single() -> bool {
        DAY.with(|day| {
            let is_alone = day.waiting.get() == 1 && day.begun.get() <= 1 && day.begun_before.get() <= 1;
            is_alone && day.crowded.get() == 0
        })
    }

    /// Takes note that the current thread has nothing to do now. Whoever owns a thread that begins attendances calls
    /// this before it sleeps.
    pub fn note_pause() {
        DAY.with(|day| {
            let begun = day.begun.replace(0);
            day.begun_before.set(begun);
            day.crowded.set(if begun < CROWD { day.crowded.get().saturating_sub(1) } else { QUIET });
        });
    }
}

impl Drop for Attendance {
    fn drop(&mut self) {
        // What a thread leaves behind when it ends may be dropped by another.
        DAY.with(|day| day.waiting.set(day.waiting.get().saturating_sub(1)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Attempts among so many occasions, none or all of which are worth it.
    fn attempts(vigil: &Vigil, occasions: u32, has_paid: bool) -> u32 {
        let mut attempts = 0;
        for _ in 0..occasions {
            if vigil.is_due() {
                attempts += 1;
                vigil.note(has_paid);
            }
        }
        attempts
    }

    #[test]
    fn what_is_there_is_found_unless_there_is_one_core() {
        assert_eq!(Vigil::default().keep(|| Some(7)), HAS_CORES.then_some(7));
    }

    #[test]
    fn a_vigil_ends_by_itself() {
        assert_eq!(Vigil::default().keep(|| None::<()>), None);
    }

    #[test]
    fn a_vigil_that_pays_is_kept_every_time() {
        assert_eq!(attempts(&Vigil::default(), 1000, true), 1000);
    }

    #[test]
    fn a_vigil_in_vain_becomes_rare_but_is_tried_again_for_ever() {
        let vigil = Vigil::default();
        assert!(attempts(&vigil, 10_000, false) < 25);
        let later = attempts(&vigil, 100 * LONGEST_REST, false);
        assert!((90..=101).contains(&later), "{later}");
    }

    #[test]
    fn one_failure_does_not_end_a_vigil_that_pays() {
        let vigil = Vigil::default();
        attempts(&vigil, 10, true);
        assert_eq!(attempts(&vigil, 1, false), 1);
        assert_eq!(attempts(&vigil, 10, true), 10);
    }

    #[test]
    fn a_thread_that_waits_for_two_answers_is_not_single() {
        std::thread::spawn(|| {
            let first = Attendance::begin();
            assert!(Attendance::is_single());
            let second = Attendance::begin();
            assert!(!Attendance::is_single());
            drop((first, second));
            assert!(!Attendance::is_single());
        })
        .join()
        .expect("the assertions hold");
    }

    #[test]
    fn a_thread_that_had_a_crowd_is_single_once_it_has_been_gone_for_long() {
        std::thread::spawn(|| {
            for _ in 0..CROWD {
                drop(Attendance::begin());
            }
            for _ in 0..QUIET {
                Attendance::note_pause();
                let only = Attendance::begin();
                assert!(!Attendance::is_single());
                drop(only);
            }
            Attendance::note_pause();
            let _only = Attendance::begin();
            assert!(Attendance::is_single());
        })
        .join()
        .expect("the assertions hold");
    }

    #[test]
    fn a_thread_that_had_two_requests_in_a_row_is_single_only_after_a_turn_with_one() {
        std::thread::spawn(|| {
            drop(Attendance::begin());
            let second = Attendance::begin();
            assert!(!Attendance::is_single());
            drop(second);
            Attendance::note_pause();
            let third = Attendance::begin();
            assert!(!Attendance::is_single());
            drop(third);
            Attendance::note_pause();
            let _fourth = Attendance::begin();
            assert!(Attendance::is_single());
        })
        .join()
        .expect("the assertions hold");
    }
}
