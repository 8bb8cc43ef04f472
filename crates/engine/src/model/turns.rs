//! What the ports of a model are to do.

use std::sync::Arc;
use std::task::Waker;

use crate::batch::Batch;
use crate::clock::Nanos;
use crate::limits::Pass;
use crate::model::{Model, Turn};
use crate::pending::Pending;
use crate::schedule::dispatch::Step;
use crate::schedule::queue::Leavers;
use crate::schedule::scheduler::Scheduler;

impl Model {
    /// What a port is to do next; `pass` where it has to ask for what it holds while it runs.
    pub(crate) fn turn(self: &Arc<Self>, port: u64, pass: Option<&Pass>, waker: &Waker) -> Turn {
        let now = self.clock.now();
        let mut leavers = Leavers::default();
        let (step, wakers) = {
            let mut scheduler = self.scheduler.lock();
            if let Err(wakers) = self.admit_port(&mut scheduler, port, pass, waker) {
                drop(scheduler);
                wakers.into_iter().for_each(Waker::wake);
                return Turn::Wait { until: None };
            }
            let (mut step, wakers) = scheduler.next(port, now, waker, &mut leavers);
            self.begin(&mut step, port);
            (step, wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
        self.answer_leavers(leavers);
        let turn = self.make_turn(step, now);
        if let Some(pass) = pass {
            match turn {
                Turn::Batch(_) => pass.note_run(),
                Turn::Wait { .. } | Turn::Closed => pass.give_back().into_iter().for_each(Waker::wake),
            }
        }
        turn
    }

    /// Whether a port may look for work: it holds what it needs to run, or there is nothing to run. If not, it is woken
    /// when it does, and others of the model are to be woken in its place.
    fn admit_port(
        &self,
        scheduler: &mut Scheduler<Box<Pending>>,
        port: u64,
        pass: Option<&Pass>,
        waker: &Waker,
    ) -> Result<(), Vec<Waker>> {
        let Some(pass) = pass.filter(|_| scheduler.pending() > 0) else { return Ok(()) };
        let (may_run, mut wakers) = pass.ask(waker);
        if may_run {
            self.limited.lock().remove(&port);
            wakers.into_iter().for_each(Waker::wake);
            return Ok(());
        }
        self.limited.lock().insert(port, waker.clone());
        wakers.extend(scheduler.pass_on(port));
        Err(wakers)
    }

    /// In line before anyone else can take a batch: batches are answered in the order in which they begin.
    fn begin(&self, step: &mut Step<Box<Pending>>, port: u64) {
        match step {
            Step::Take(requests) => {
                for pending in requests {
                    pending.outlet.begin(port);
                    if let Some(order) = &self.order {
                        pending.outlet.enter(order);
                    }
                }
            }
            Step::Seats(seats) => {
                seats.iter_mut().flatten().for_each(|seated| seated.item.outlet.begin(port));
            }
            Step::Wait { .. } | Step::Closed => {}
        }
    }

    fn make_turn(self: &Arc<Self>, step: Step<Box<Pending>>, now: Nanos) -> Turn {
        match step {
            Step::Take(requests) => Turn::Batch(Box::new(Batch::new(Arc::clone(self), requests, now))),
            Step::Seats(seats) => {
                let requests = self.sequencing.as_ref().map(|sequencing| sequencing.dress(self, seats));
                Turn::Batch(Box::new(Batch::new(Arc::clone(self), requests.unwrap_or_default(), now)))
            }
            Step::Wait { until } => Turn::Wait { until },
            Step::Closed => Turn::Closed,
        }
    }

    /// Lets ports have what was held back.
    pub(crate) fn release(&self) {
        let waker = self.scheduler.lock().release();
        waker.into_iter().for_each(Waker::wake);
    }

    /// Takes a port out of service.
    pub(crate) fn leave(&self, port: u64) {
        self.ports.lock().remove(&port);
        self.limited.lock().remove(&port);
        let mut leavers = Leavers::default();
        let wakers = self.scheduler.lock().leave(port, &mut leavers);
        wakers.into_iter().for_each(Waker::wake);
        self.answer_leavers(leavers);
    }
}
