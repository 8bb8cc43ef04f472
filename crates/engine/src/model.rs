//! One served version of a model.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Waker;

use parking_lot::Mutex;
use trilith_core::{Error, Request, Signature};

use crate::admit::admit;
use crate::batch::Batch;
use crate::clock::{Clock, Nanos};
use crate::engine::Engine;
use crate::expiry::Alarm;
use crate::pending::Pending;
pub use crate::port::{Port, Turn};
use crate::reply::{Outlet, Recipient, Reply};
use crate::schedule::SchedulerSpec;
use crate::schedule::dispatch::{Dispatch, Refusal, Step};
use crate::schedule::order::Order;
use crate::schedule::queue::{Leavers, NEVER};
use crate::statistics::ModelStatistics;
use crate::statistics::ledger::{Failure, Ledger};

/// What a model version is made from.
#[derive(Clone, Debug, Default)]
pub struct ModelSpec {
    /// What it takes and gives, name and version included.
    pub signature: Signature,
    /// How its requests are scheduled.
    pub scheduler: SchedulerSpec,
    /// Whether it may answer a request any number of times.
    pub decoupled: bool,
    /// `platform` of the metadata: the configuration's, or the backend's name.
    pub platform: String,
    /// Name of the backend.
    pub backend: String,
    /// Labels of its metrics beside name and version, in alphabetical order.
    pub metric_tags: Arc<[(String, String)]>,
    /// The complete configuration as JSON, as the configuration extension shows it.
    pub config_json: String,
    /// The complete configuration as a serialized `ModelConfig`.
    pub config_proto: bytes::Bytes,
}

/// One served version: its signature, its queue, its statistics.
///
/// Requests that wait keep it alive: end it with [`Model::close`].
pub struct Model {
    spec: ModelSpec,
    /// Whether requests may differ in what keeps them from sharing a batch: open extents or optional inputs.
    varying_inputs: bool,
    clock: Arc<dyn Clock>,
    alarm: Arc<Alarm>,
    dispatch: Mutex<Dispatch<Box<Pending>>>,
    order: Option<Arc<Order>>,
    ledger: Ledger,
    next_port: AtomicU64,
    /// Ports that are open.
    ports: Mutex<BTreeSet<u64>>,
    in_flight: AtomicU64,
    idle_wakers: Mutex<Vec<Waker>>,
    has_idle_wakers: AtomicBool,
}

impl Model {
    /// A version that is not reachable yet: see [`Engine::publish`].
    pub fn new(engine: &Arc<Engine>, spec: ModelSpec) -> Arc<Self> {
        let inputs = &spec.signature.inputs;
        let varying_inputs =
            inputs.iter().any(|input| input.optional || (!input.ragged && input.dims.contains(&-1)));
        let model = Arc::new(Self {
            varying_inputs,
            clock: Arc::clone(engine.clock()),
            alarm: Arc::clone(engine.alarm()),
            dispatch: Mutex::new(Dispatch::new(&spec.scheduler, spec.signature.max_batch_size)),
            order: spec.scheduler.preserve_ordering.then(|| Arc::new(Order::new())),
            ledger: Ledger::new(&engine.options().latencies),
            next_port: AtomicU64::new(0),
            ports: Mutex::default(),
            in_flight: AtomicU64::new(0),
            idle_wakers: Mutex::new(Vec::new()),
            has_idle_wakers: AtomicBool::new(false),
            spec,
        });
        engine.know(&model);
        model
    }

    /// What it was made from.
    pub fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    /// A place from which one instance takes its batches.
    pub fn open_port(self: &Arc<Self>) -> Port {
        let number = self.next_port.fetch_add(1, Ordering::Relaxed);
        self.ports.lock().insert(number);
        Port::new(Arc::clone(self), number)
    }

    /// Numbers of the ports that are open.
    pub(crate) fn ports(&self) -> Vec<u64> {
        self.ports.lock().iter().copied().collect()
    }

    /// Requests admitted and not yet answered.
    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::SeqCst)
    }

    /// Registers who is to be woken when the last request in flight was answered; at once if there is none.
    pub fn on_idle(&self, waker: Waker) {
        self.idle_wakers.lock().push(waker);
        self.has_idle_wakers.store(true, Ordering::SeqCst);
        // Whoever left between the caller's look and the line above did not see the waker.
        if self.in_flight() == 0 {
            self.wake_idle();
        }
    }

    /// A consistent copy of its statistics.
    pub fn statistics(&self) -> ModelStatistics {
        let pending = self.dispatch.lock().pending() as u64;
        ModelStatistics {
            name: self.spec.signature.model.clone(),
            version: self.spec.signature.version,
            metric_tags: Arc::clone(&self.spec.metric_tags),
            pending,
            ..self.ledger.snapshot(self.clock.now())
        }
    }

    /// Ends it: ports answer [`Turn::Closed`], requests still queued are answered with `Unavailable`.
    pub fn close(&self) {
        let (left, wakers) = self.dispatch.lock().close();
        wakers.into_iter().for_each(Waker::wake);
        for pending in left {
            pending.refuse(self.closed_error(), Failure::Other);
        }
    }

    /// Takes a request in; `None` where it was answered already. Gives the number by which it can be cancelled.
    pub(crate) fn submit(
        self: &Arc<Self>,
        in_flight: InFlight,
        mut request: Request,
        reply: Box<dyn Reply>,
    ) -> Option<u64> {
        let recipient = Recipient::new(reply, in_flight);
        let batch_size = match admit(&self.spec.signature, &mut request) {
            Ok(batch_size) => batch_size,
            Err(error) => {
                recipient.refuse(error);
                return None;
            }
        };
        let now = self.clock.now();
        let priority = request.priority;
        let timeout = request.timeout_microseconds.saturating_mul(1000);
        let outlet = Outlet::Direct(recipient);
        let model = Arc::clone(self);
        let pending = Box::new(Pending { request, model, batch_size, queued: now, outlet });
        let pushed = self.dispatch.lock().push(priority, timeout, now, pending);
        match pushed {
            Ok((place, waker)) => {
                if let Some(waker) = waker {
                    waker.wake();
                }
                if place.expiry != NEVER {
                    self.alarm.advance(place.expiry);
                }
                Some(place.number)
            }
            Err(Refusal::Closed(pending)) => {
                pending.refuse(self.closed_error(), Failure::Other);
                None
            }
            Err(Refusal::Full(pending, bound)) => {
                pending.refuse(self.full_error(bound), Failure::Rejected);
                None
            }
        }
    }

    /// Takes a cancelled request out of the queue, if it is still there.
    pub(crate) fn cancel(&self, number: u64) {
        let cancelled = self.dispatch.lock().remove(number);
        if let Some(pending) = cancelled {
            pending.refuse(self.cancelled_error(), Failure::Canceled);
        }
    }

    /// Answers queued requests that are late or cancelled; gives when the next one will be late.
    pub(crate) fn expire(&self, now: Nanos) -> Nanos {
        let mut leavers = Leavers::default();
        let next = self.dispatch.lock().expire(now, &mut leavers);
        self.answer_leavers(leavers);
        next
    }

    /// What a port is to do next.
    pub(crate) fn turn(self: &Arc<Self>, port: u64, waker: &Waker) -> Turn {
        let now = self.clock.now();
        let mut leavers = Leavers::default();
        let (step, wake) = {
            let mut dispatch = self.dispatch.lock();
            let (mut step, wake) = dispatch.next(port, now, waker, &mut leavers);
            // In line before anyone else can take a batch: batches are answered in the order in which they begin.
            if let Step::Take(requests) = &mut step {
                for pending in requests {
                    pending.outlet.begin(port);
                    if let Some(order) = &self.order {
                        pending.outlet.enter(order);
                    }
                }
            }
            (step, wake)
        };
        if let Some(waker) = wake {
            waker.wake();
        }
        self.answer_leavers(leavers);
        match step {
            Step::Take(requests) => Turn::Batch(Box::new(Batch::new(Arc::clone(self), requests, now))),
            Step::Wait { until } => Turn::Wait { until },
            Step::Closed => Turn::Closed,
        }
    }

    /// Takes a port out of service.
    pub(crate) fn leave(&self, port: u64) {
        self.ports.lock().remove(&port);
        let waker = self.dispatch.lock().leave(port);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    pub(crate) fn has_varying_inputs(&self) -> bool {
        self.varying_inputs
    }

    pub(crate) fn is_ragged(&self, input: &str) -> bool {
        self.spec.signature.input(input).is_some_and(|spec| spec.ragged)
    }

    /// Its name and version, for messages.
    pub(crate) fn title(&self) -> String {
        format!("model '{}' version {}", self.spec.signature.model, self.spec.signature.version)
    }

    fn answer_leavers(&self, leavers: Leavers<Box<Pending>>) {
        for pending in leavers.late {
            let error =
                Error::unavailable(format!("request timeout expired in the queue of {}", self.title()));
            pending.refuse(error, Failure::Rejected);
        }
        for pending in leavers.cancelled {
            pending.refuse(self.cancelled_error(), Failure::Canceled);
        }
    }

    fn cancelled_error(&self) -> Error {
        Error::cancelled(format!("the request was cancelled in the queue of {}", self.title()))
    }

    fn closed_error(&self) -> Error {
        Error::unavailable(format!("{} has been unloaded", self.title()))
    }

    fn full_error(&self, bound: u32) -> Error {
        let message = format!("request exceeds maximum queue size of {bound} for {}", self.title());
        Error::unavailable(message).with_hint("send it again later")
    }

    fn wake_idle(&self) {
        let wakers = {
            let mut wakers = self.idle_wakers.lock();
            self.has_idle_wakers.store(false, Ordering::SeqCst);
            std::mem::take(&mut *wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// Counts one request among those in flight for as long as it lives.
pub(crate) struct InFlight(Arc<Model>);

impl InFlight {
    pub(crate) fn new(model: &Arc<Model>) -> Self {
        model.in_flight.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(model))
    }

    pub(crate) fn model(&self) -> &Arc<Model> {
        &self.0
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let was_last = self.0.in_flight.fetch_sub(1, Ordering::SeqCst) == 1;
        if was_last && self.0.has_idle_wakers.load(Ordering::SeqCst) {
            self.0.wake_idle();
        }
    }
}
