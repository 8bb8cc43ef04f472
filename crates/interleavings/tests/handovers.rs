//! The hand-overs between threads, run in every interleaving that the memory model allows.
//!
//! The files under test are those of the engine and the bridge, built a second time with the [`sync`] of this test:
//! loom then decides when each thread goes on, and tries every way that makes a difference.

#![allow(dead_code, reason = "not everything that the files offer is of use here")]

#[path = "../../engine/src/schedule/order.rs"]
mod order;
#[path = "../../bridge/src/parker.rs"]
mod parker;
mod sync;
#[path = "../../engine/src/tray.rs"]
mod tray;

use std::task::{Wake, Waker};
use std::time::Duration;

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;

use order::{Order, Recipient};
use parker::Parker;
use tray::{Taken, Tray};

const FOR_EVER: Duration = Duration::MAX;

/// Runs a test in every interleaving, but for those with more than three switches away from a thread that could go
/// on: beyond that numbers explode, and hand-overs of this size have shown their mistakes with two.
fn every_interleaving(test: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(test);
}

#[test]
fn a_tray_gives_everything_once_in_order_to_a_thread_that_waits() {
    every_interleaving(|| {
        let tray = Arc::new(Tray::default());
        let sender = {
            let tray = Arc::clone(&tray);
            thread::spawn(move || {
                tray.put(1, false);
                tray.put(2, true);
            })
        };
        let mut taken = Vec::new();
        loop {
            match tray.take(FOR_EVER) {
                Taken::Thing(thing) => taken.push(thing),
                Taken::Nothing => {}
                Taken::Ended => break,
            }
        }
        assert_eq!(taken, [1, 2]);
        assert!(tray.has_ended());
        sender.join().expect("no panic");
    });
}

#[test]
fn whoever_takes_when_woken_never_sleeps_on_something() {
    every_interleaving(|| {
        let tray = Arc::new(Tray::default());
        let sender = Arc::clone(&tray);
        thread::spawn(move || {
            sender.put(1, false);
            sender.put(2, true);
        });
        let parker = Parker::new();
        let mut taken = Vec::new();
        loop {
            match tray.take(Duration::ZERO) {
                Taken::Thing(thing) => taken.push(thing),
                Taken::Nothing => {
                    tray.set_waker(parker.waker().clone());
                    parker.park(None);
                }
                Taken::Ended => break,
            }
        }
        assert_eq!(taken, [1, 2]);
    });
}

/// Counts how often it was woken.
#[derive(Default)]
struct Alarm(std::sync::atomic::AtomicUsize);

impl Wake for Alarm {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }
}

#[test]
fn a_waker_of_a_tray_is_called_exactly_once() {
    every_interleaving(|| {
        let tray = Arc::new(Tray::default());
        let sender = {
            let tray = Arc::clone(&tray);
            thread::spawn(move || tray.put(1, true))
        };
        let alarm = std::sync::Arc::new(Alarm::default());
        tray.set_waker(Waker::from(std::sync::Arc::clone(&alarm)));
        sender.join().expect("no panic");
        assert_eq!(alarm.0.load(std::sync::atomic::Ordering::SeqCst), 1);
    });
}

#[test]
fn a_parked_thread_goes_on_however_wakers_are_called() {
    every_interleaving(|| {
        let work = Arc::new(AtomicUsize::new(0));
        let parker = Parker::new();
        for _ in 0..2 {
            let (work, waker) = (Arc::clone(&work), parker.waker().clone());
            // Not joined: loom's `join` takes a late wake-up of the parker for its own.
            thread::spawn(move || {
                work.fetch_add(1, Ordering::Release);
                waker.wake();
            });
        }
        while work.load(Ordering::Acquire) < 2 {
            parker.park(None);
        }
    });
}

/// Writes down what it gets, for everyone to see.
struct Diary {
    request: usize,
    book: Arc<Mutex<Vec<(usize, usize)>>>,
}

impl Recipient<usize> for Diary {
    fn receive(&mut self, answer: usize) {
        self.book.lock().expect("no panic").push((self.request, answer));
    }
}

#[test]
fn answers_leave_in_the_order_of_their_requests_each_exactly_once() {
    every_interleaving(|| {
        let order = Arc::new(Order::new());
        let book = Arc::new(Mutex::new(Vec::new()));
        let numbers: Vec<u64> =
            (0..3).map(|request| order.enter(Diary { request, book: Arc::clone(&book) })).collect();
        // Two threads answer: one a request that streams, the other those before and after it.
        let other = {
            let (order, numbers) = (Arc::clone(&order), numbers.clone());
            thread::spawn(move || {
                order.send(numbers[1], 10, false);
                order.send(numbers[1], 11, true);
            })
        };
        order.send(numbers[2], 20, true);
        order.send(numbers[0], 0, true);
        other.join().expect("no panic");
        assert_eq!(*book.lock().expect("no panic"), [(0, 0), (1, 10), (1, 11), (2, 20)]);
    });
}
