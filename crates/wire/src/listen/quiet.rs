//! Spares a connection the turn that reading the body of a request would cost it.
//!
//! Whoever takes a piece of a body wakes its connection, so that it brings the next one. Behind the last piece nothing
//! comes, and most bodies are one piece: one turn in two would be for nothing.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

thread_local! {
    static IS_HELD: Cell<bool> = const { Cell::new(false) };
    static HELD: RefCell<Option<Waker>> = const { RefCell::new(None) };
}

/// Holds back that a [`Quiet`] future is woken by what is done here. Whoever calls decides whether it is.
pub(super) fn hold<T>(act: impl FnOnce() -> T) -> (T, Option<Waker>) {
    let holding = Holding::begin();
    let done = act();
    drop(holding);
    (done, HELD.take())
}

struct Holding;

impl Holding {
    fn begin() -> Self {
        IS_HELD.set(true);
        Self
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        IS_HELD.set(false);
    }
}

/// A future that is not woken by what is held back.
pub(super) struct Quiet<F> {
    future: F,
    /// Whom it wakes, and the waker that it is polled with.
    bell: Option<(Waker, Waker)>,
}

impl<F: Future + Unpin> Quiet<F> {
    /// Not polled yet.
    pub(super) fn new(future: F) -> Self {
        Self { future, bell: None }
    }

    /// The future itself.
    pub(super) fn inner(&mut self) -> &mut F {
        &mut self.future
    }
}

impl<F: Future + Unpin> Future for Quiet<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        if !this.bell.as_ref().is_some_and(|(task, _)| task.will_wake(context.waker())) {
            let task = context.waker().clone();
            this.bell = Some((task.clone(), Waker::from(Arc::new(Bell(task)))));
        }
        let Some((_, waker)) = &this.bell else { return Poll::Pending };
        Pin::new(&mut this.future).poll(&mut Context::from_waker(waker))
    }
}

struct Bell(Waker);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if IS_HELD.get() && HELD.with_borrow(Option::is_none) {
            HELD.set(Some(self.0.clone()));
        } else {
            self.0.wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::future::poll_fn;
    use std::rc::Rc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Default)]
    struct Task(AtomicUsize);

    impl Task {
        fn wakes(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Something that was polled, and what it was given to be woken by.
    fn polled(task: &Arc<Task>) -> Waker {
        let given = Rc::new(RefCell::new(None));
        let keep = Rc::clone(&given);
        let mut quiet = Quiet::new(Box::pin(poll_fn(move |context: &mut Context<'_>| {
            *keep.borrow_mut() = Some(context.waker().clone());
            Poll::<()>::Pending
        })));
        let waker = Waker::from(Arc::clone(task));
        assert!(Pin::new(&mut quiet).poll(&mut Context::from_waker(&waker)).is_pending());
        given.take().expect("it was polled")
    }

    #[test]
    fn what_is_held_back_wakes_it_when_somebody_says_so() {
        let task = Arc::new(Task::default());
        let given = polled(&task);
        let ((), held) = hold(|| given.wake_by_ref());
        assert_eq!(task.wakes(), 0);
        held.expect("it was woken").wake();
        assert_eq!(task.wakes(), 1);
        given.wake();
        assert_eq!(task.wakes(), 2, "outside nothing is held back");
        assert!(hold(|| ()).1.is_none());
    }

    #[test]
    fn only_one_is_held_back_at_a_time() {
        let (one, other) = (Arc::new(Task::default()), Arc::new(Task::default()));
        let (first, second) = (polled(&one), polled(&other));
        let ((), held) = hold(|| [first, second].iter().for_each(Waker::wake_by_ref));
        assert_eq!((one.wakes(), other.wakes()), (0, 1));
        held.expect("it was woken").wake();
        assert_eq!((one.wakes(), other.wakes()), (1, 1));
    }

    #[test]
    fn a_panic_holds_nothing_back_for_good() {
        let task = Arc::new(Task::default());
        let given = polled(&task);
        assert!(std::panic::catch_unwind(|| hold(|| panic!("as a model might"))).is_err());
        given.wake();
        assert_eq!(task.wakes(), 1);
    }
}
