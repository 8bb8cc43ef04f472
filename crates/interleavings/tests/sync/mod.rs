//! What threads meet at, as loom has it: with the face of `parking_lot` and `std`.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU8};

pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

/// Empty only within [`Condvar::wait_for`].
pub(crate) struct MutexGuard<'a, T>(Option<loom::sync::MutexGuard<'a, T>>);

pub(crate) struct Condvar(loom::sync::Condvar);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(Some(self.0.lock().expect("no thread panics")))
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("locked")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("locked")
    }
}

impl Condvar {
    pub(crate) fn new() -> Self {
        Self(loom::sync::Condvar::new())
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }

    /// Waits without a limit: a limit that saves a thread would hide that it was not woken.
    pub(crate) fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, _: Duration) {
        guard.0 = guard.0.take().map(|inner| self.0.wait(inner).expect("no thread panics"));
    }
}

pub(crate) use self::thread::Thread;

pub(crate) mod thread {
    use std::time::Duration;

    pub(crate) use loom::thread::{Thread, current, park};

    /// Parks without a limit, as [`Condvar::wait_for`](super::Condvar::wait_for) waits.
    pub(crate) fn park_timeout(_: Duration) {
        park();
    }
}

pub(crate) struct Vigil {
    looks: usize,
}

impl Default for Vigil {
    /// One look: more lead nowhere else.
    fn default() -> Self {
        Self { looks: 1 }
    }
}

impl Vigil {
    pub(crate) fn keep<T>(&self, mut look: impl FnMut() -> Option<T>) -> Option<T> {
        (0..self.looks).find_map(|_| look())
    }
}

pub(crate) struct Attendance;

impl Attendance {
    /// So that a thread looks before it parks.
    pub(crate) fn is_single() -> bool {
        true
    }
}
