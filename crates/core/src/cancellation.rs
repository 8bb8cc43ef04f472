//! That nobody waits for an answer any more, and who is to hear of it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Tells that nobody waits for the answer any more. Cheap to copy, shared by everyone on the path.
#[derive(Clone, Debug, Default)]
pub struct Cancellation(Arc<Notice>);

#[derive(Default)]
struct Notice {
    is_given: AtomicBool,
    /// Cancelled with all of these as well, if there are any.
    above: Box<[Cancellation]>,
    listeners: Mutex<Listeners>,
}

type Heard = Arc<dyn Fn() + Send + Sync>;

#[derive(Default)]
struct Listeners {
    next: u64,
    heard: BTreeMap<u64, Heard>,
}

impl Notice {
    fn listeners(&self) -> MutexGuard<'_, Listeners> {
        // Nothing is done under the lock that could leave it half done.
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Notice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Notice");
        shown.field("is_given", &self.is_given).field("above", &self.above).finish_non_exhaustive()
    }
}

impl Cancellation {
    /// Not cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// A part of something larger: cancelled with it, or alone.
    pub fn part(&self) -> Self {
        Self::part_of([self.clone()])
    }

    /// A part of several: cancelled once all of them are, or alone. A part of none is cancelled only alone.
    pub fn part_of(above: impl IntoIterator<Item = Self>) -> Self {
        let above = above.into_iter().collect();
        Self(Arc::new(Notice { above, ..Notice::default() }))
    }

    /// Cancels; it cannot be taken back. Who listens is called from here.
    pub fn cancel(&self) {
        self.0.is_given.store(true, Ordering::Release);
        let heard = std::mem::take(&mut self.0.listeners().heard);
        for heard in heard.into_values() {
            heard();
        }
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        let above = &self.0.above;
        self.0.is_given.load(Ordering::Acquire) || (!above.is_empty() && above.iter().all(Self::is_cancelled))
    }

    /// Has it told when it is cancelled, alone or with what it is a part of, from the thread that does so, or from this
    /// one where that was before. `heard` must not block; it may be called more than once.
    #[must_use = "nothing is told any more once this is dropped"]
    pub fn listen(&self, heard: impl Fn() + Send + Sync + 'static) -> Listening {
        let mut listening = Listening(Vec::new());
        let own = self.clone();
        let told: Heard = Arc::new(move || {
            if own.is_cancelled() {
                heard();
            }
        });
        self.enlist(&told, &mut listening);
        // Who cancelled meanwhile may not have seen it.
        told();
        listening
    }

    fn enlist(&self, heard: &Heard, listening: &mut Listening) {
        let number = {
            let mut listeners = self.0.listeners();
            let number = listeners.next;
            listeners.next += 1;
            listeners.heard.insert(number, Arc::clone(heard));
            number
        };
        listening.0.push((Arc::downgrade(&self.0), number));
        self.0.above.iter().for_each(|above| above.enlist(heard, listening));
    }
}

/// Somebody who is told of a cancellation, until this is dropped.
pub struct Listening(Vec<(Weak<Notice>, u64)>);

impl fmt::Debug for Listening {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Listening")
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        for (notice, number) in self.0.drain(..) {
            if let Some(notice) = notice.upgrade() {
                let gone = notice.listeners().heard.remove(&number);
                drop(gone);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    fn count(told: &Arc<AtomicUsize>) -> impl Fn() + Send + Sync + 'static {
        let told = Arc::clone(told);
        move || {
            told.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_part_is_cancelled_with_the_whole_but_not_the_other_way_round() {
        let whole = Cancellation::new();
        let (first, second) = (whole.part(), whole.part());
        first.cancel();
        assert!(first.is_cancelled() && !second.is_cancelled() && !whole.is_cancelled());
        whole.cancel();
        assert!(second.part().is_cancelled());
    }

    #[test]
    fn a_part_of_several_is_cancelled_with_the_last_of_them() {
        let (one, two) = (Cancellation::new(), Cancellation::new());
        let part = Cancellation::part_of([one.clone(), two.clone()]);
        one.cancel();
        assert!(!part.is_cancelled());
        two.cancel();
        assert!(part.is_cancelled());
        assert!(!Cancellation::part_of([]).is_cancelled());
    }

    #[test]
    fn who_listens_to_a_part_is_told_when_it_is_cancelled_and_not_before() {
        let (one, two) = (Cancellation::new(), Cancellation::new());
        let told = Arc::new(AtomicUsize::new(0));
        let part = Cancellation::part_of([one.part(), two.clone()]);
        let listening = part.listen(count(&told));
        one.cancel();
        assert_eq!(told.load(Ordering::SeqCst), 0, "the other is still wanted");
        two.cancel();
        assert_eq!(told.load(Ordering::SeqCst), 1);
        drop(listening);
    }

    #[test]
    fn who_listens_too_late_is_told_at_once() {
        let whole = Cancellation::new();
        whole.cancel();
        let told = Arc::new(AtomicUsize::new(0));
        let _listening = whole.part().listen(count(&told));
        assert_eq!(told.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn who_has_stopped_listening_is_told_nothing_and_leaves_nothing_behind() {
        let whole = Cancellation::new();
        let told = Arc::new(AtomicUsize::new(0));
        drop(whole.part().listen(count(&told)));
        assert!(whole.0.listeners().heard.is_empty());
        whole.cancel();
        assert_eq!(told.load(Ordering::SeqCst), 0);
    }
}
