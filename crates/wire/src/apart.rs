//! A part of a task that has its turn only when it was woken itself, not each time that its task has one.
//!
//! A connection's task runs once per request, and beside the connection waits for what comes once in a while: the end of
//! the server, a look at the clock. Asking those each time costs as much as finding the model.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// A future that is polled when it was woken. It must not be polled again after its end.
pub(crate) struct Apart<F> {
    future: Pin<Box<F>>,
    /// What it is woken by, and the same as a waker.
    bell: Option<(Arc<Bell>, Waker)>,
}

struct Bell {
    has_rung: AtomicBool,
    /// Whom it wakes besides.
    task: Waker,
}

impl<F: Future> Apart<F> {
    /// Not polled yet.
    pub(crate) fn new(future: F) -> Self {
        Self { future: Box::pin(future), bell: None }
    }
}

impl<F: Future> Future for Apart<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        if !this.bell.as_ref().is_some_and(|(bell, _)| bell.task.will_wake(context.waker())) {
            let bell = Arc::new(Bell { has_rung: AtomicBool::new(true), task: context.waker().clone() });
            this.bell = Some((Arc::clone(&bell), Waker::from(bell)));
        }
        let Some((bell, waker)) = &this.bell else { return Poll::Pending };
        // What rings from here on has another turn.
        if !bell.has_rung.load(Ordering::Relaxed) || !bell.has_rung.swap(false, Ordering::Acquire) {
            return Poll::Pending;
        }
        this.future.as_mut().poll(&mut Context::from_waker(waker))
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.has_rung.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::future::poll_fn;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Task(AtomicUsize);

    impl Task {
        fn poll<F: Future>(self: &Arc<Self>, apart: &mut Apart<F>) -> Poll<F::Output> {
            let waker = Waker::from(Arc::clone(self));
            Pin::new(apart).poll(&mut Context::from_waker(&waker))
        }

        fn wakes(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn it_has_its_turn_when_it_was_woken_and_at_no_other_time() {
        let (task, turns, bell) = (Arc::new(Task::default()), Cell::new(0), RefCell::new(None::<Waker>));
        let mut apart = Apart::new(poll_fn(|context: &mut Context<'_>| {
            turns.set(turns.get() + 1);
            *bell.borrow_mut() = Some(context.waker().clone());
            if turns.get() == 3 { Poll::Ready("done") } else { Poll::Pending }
        }));
        for turn in 1..=2 {
            (0..3).for_each(|_| assert!(task.poll(&mut apart).is_pending()));
            assert_eq!((turns.get(), task.wakes()), (turn, turn - 1));
            bell.borrow().as_ref().expect("it was polled").wake_by_ref();
            assert_eq!(task.wakes(), turn);
        }
        assert_eq!(task.poll(&mut apart), Poll::Ready("done"));
    }

    #[test]
    fn it_wakes_whoever_polled_it_last() {
        let (one, other, bell) = (Arc::new(Task::default()), Arc::new(Task::default()), RefCell::new(None));
        let mut apart = Apart::new(poll_fn(|context: &mut Context<'_>| {
            *bell.borrow_mut() = Some(context.waker().clone());
            Poll::<()>::Pending
        }));
        assert!(one.poll(&mut apart).is_pending());
        assert!(other.poll(&mut apart).is_pending());
        bell.take().expect("it was polled").wake();
        assert_eq!((one.wakes(), other.wakes()), (0, 1));
        assert!(other.poll(&mut apart).is_pending());
    }

    #[test]
    fn one_that_rings_while_it_is_polled_has_another_turn() {
        let (task, turns) = (Arc::new(Task::default()), Cell::new(0));
        let mut apart = Apart::new(poll_fn(|context: &mut Context<'_>| {
            turns.set(turns.get() + 1);
            context.waker().wake_by_ref();
            if turns.get() == 2 { Poll::Ready(()) } else { Poll::Pending }
        }));
        assert!(task.poll(&mut apart).is_pending());
        assert_eq!(task.wakes(), 1);
        assert!(task.poll(&mut apart).is_ready());
    }
}
