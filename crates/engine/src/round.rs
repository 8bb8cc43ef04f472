//! Requests that arrive together go to their model together.
//!
//! An event loop that finds twenty connections ready has twenty requests, one after the other. An instance that takes
//! each of them as soon as it is queued runs them one by one or two by two, and a batch of two costs what a batch of
//! fifteen costs. So a thread that works in rounds has models hold back what it queues until its round ends, which is
//! when all that was ready as it began has had its turn, or until as much waits as most of the round before brought: with
//! that the instance begins, while the thread goes on with the rest. Where the thread is about to do something long it
//! lets go of all first (see [`end`] and [`before_reading`]).
//!
//! Threads that do not work in rounds hold nothing back, and neither does a thread that has had no two requests in a
//! round.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};

use crate::model::Model;

/// Content that takes long to read, in bytes: JSON of that length takes as much time as a dozen small requests.
const LONG: usize = 64 << 10;

thread_local! {
    static ROUND: Round = const {
        Round {
            end: RefCell::new(None),
            models: RefCell::new(Vec::new()),
            requests: Cell::new(0),
            requests_before: Cell::new(0),
        }
    };
}

/// What the current thread has begun since it last looked for something to do.
struct Round {
    /// Wakes the task that ends the round; `None` where the thread does not work in rounds.
    end: RefCell<Option<Waker>>,
    /// The models that hold back what they were sent.
    models: RefCell<Vec<Arc<Model>>>,
    /// Requests of this round.
    requests: Cell<u64>,
    /// Requests of the round before.
    requests_before: Cell<u64>,
}

/// Has the current thread work in rounds, for as long as it polls this. A round ends when this has its turn: it must be
/// scheduled behind what is ready.
pub async fn keep() {
    poll_fn(|context| {
        end();
        ROUND.with(|round| {
            round.requests_before.set(round.requests.take());
            round.end.borrow_mut().get_or_insert_with(|| context.waker().clone());
        });
        Poll::<()>::Pending
    })
    .await;
}

/// Has models hold nothing back any more in the current thread's round: for somebody who is about to do something long.
pub fn end() {
    ROUND.with(|round| {
        if round.models.borrow().is_empty() {
            return;
        }
        let mut models = round.models.take();
        models.drain(..).for_each(|model| model.release());
        // Its memory is used again.
        *round.models.borrow_mut() = models;
    });
}

/// Ends the current thread's round where it is about to read, or to unpack, content of so many bytes that what waits
/// would wait for long.
pub fn before_reading(length: usize) {
    if length > LONG {
        end();
    }
}

/// Takes note of a request that is about to be queued. How much the model is to hold back, in requests; `None` where
/// that stays as it is.
pub(crate) fn begin(model: &Arc<Model>) -> Option<u64> {
    ROUND.with(|round| {
        let end = round.end.borrow();
        let end = end.as_ref()?;
        let requests = round.requests.get();
        round.requests.set(requests + 1);
        if requests == 0 {
            end.wake_by_ref();
        }
        let most = most(round.requests_before.get());
        let mut models = round.models.borrow_mut();
        if most < 2 {
            return None;
        }
        // Said again for each request: another loop that ends its round has the model let go of all.
        if !models.iter().any(|known| Arc::ptr_eq(known, model)) {
            models.push(Arc::clone(model));
        }
        Some(most)
    })
}

/// What is held back of a round with so many requests. Were it all of them, instance and event loop would take turns
/// with each other; were it less, batches would be smaller. Measured with 16 to 256 clients.
fn most(requests: u64) -> u64 {
    requests * 3 / 4
}
