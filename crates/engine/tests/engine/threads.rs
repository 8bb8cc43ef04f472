//! The same door with real threads: no wake-up is lost, no request is left.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Wake, Waker};
use std::thread::{self, Thread};

use trilith_engine::clock::SystemClock;
use trilith_engine::{Engine, EngineOptions, Model, ModelSpec, Port, SchedulerSpec, Turn};

use crate::support::{echo, request, spec};

const PRODUCERS: u64 = 3;
const REQUESTS: u64 = 2000;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// What an instance does: take a batch, run it, or sleep until there is one.
fn serve(port: &Port, clock: &SystemClock) {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match port.next(&waker) {
            Turn::Batch(batch) => echo(*batch),
            Turn::Wait { until: None } => thread::park(),
            Turn::Wait { until: Some(until) } => {
                thread::park_timeout(
                    clock.instant(until).saturating_duration_since(std::time::Instant::now()),
                );
            }
            Turn::Closed => return,
        }
    }
}

fn run(scheduler: SchedulerSpec) {
    let clock = Arc::new(SystemClock::new());
    let engine = Engine::new(EngineOptions::default(), Arc::clone(&clock) as Arc<_>);
    let model = Model::new(&engine, ModelSpec { scheduler, ..spec(8) });
    engine.publish(Arc::clone(&model));
    engine.open();
    let answered = AtomicU64::new(0);
    let (answers, main) = (Arc::new(answered), thread::current());
    thread::scope(|scope| {
        for _ in 0..2 {
            let (port, clock) = (model.open_port(), Arc::clone(&clock));
            scope.spawn(move || serve(&port, &clock));
        }
        for _ in 0..PRODUCERS {
            scope.spawn(|| {
                for _ in 0..REQUESTS {
                    let (answers, main) = (Arc::clone(&answers), main.clone());
                    let reply = move |answer: trilith_engine::Answer| {
                        assert!(answer.result.is_some_and(|result| result.is_ok()));
                        if answers.fetch_add(1, Ordering::SeqCst) + 1 == PRODUCERS * REQUESTS {
                            main.unpark();
                        }
                    };
                    engine.infer(request(1), Box::new(reply));
                }
            });
        }
        while answers.load(Ordering::SeqCst) < PRODUCERS * REQUESTS {
            thread::park();
        }
        model.close();
    });
    assert_eq!(engine.in_flight(), 0);
    assert_eq!(model.statistics().success.count, PRODUCERS * REQUESTS);
}

#[test]
fn every_request_is_answered_by_real_threads() {
    run(SchedulerSpec::default());
    run(SchedulerSpec { dynamic: true, ..SchedulerSpec::default() });
}

#[test]
fn collected_and_ordered_batches_are_answered_by_real_threads() {
    run(SchedulerSpec {
        dynamic: true,
        max_queue_delay: 50_000,
        preserve_ordering: true,
        ..SchedulerSpec::default()
    });
}
