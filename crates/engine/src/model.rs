//! One served version of a model.

mod intake;
mod turns;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Waker;

use parking_lot::{Mutex, RwLock};
use trilith_core::{CorrelationId, Error, Result, Signature};

use crate::address::Address;
use crate::cache::{Caching, LONGEST_WORDS};
use crate::clock::Clock;
use crate::engine::Engine;
use crate::ensemble::Graph;
use crate::expiry::Alarm;
use crate::limits::{Demand, Limits, Pass, Reservation};
use crate::pending::Pending;
pub use crate::port::{Port, Turn};
use crate::ragged::BatchTensors;
use crate::readiness::Asked;
use crate::reply::AnswerOrder;
use crate::schedule::SchedulerSpec;
use crate::schedule::queue::Leavers;
use crate::schedule::scheduler::Scheduler;
use crate::sequencing::{SequenceSpec, Sequencing, StateSpec};
use crate::statistics::ModelStatistics;
use crate::statistics::ledger::{Failure, Ledger};
use crate::vigil::Vigil;

/// What a model version is made from.
#[derive(Clone, Debug, Default)]
pub struct ModelSpec {
    /// What it takes and gives, name and version included.
    pub signature: Signature,
    /// The namespace that its name belongs to; empty where there are none.
    pub namespace: Arc<str>,
    /// How its requests are scheduled.
    pub scheduler: SchedulerSpec,
    /// How its requests belong together; `None` where they know nothing of each other.
    pub sequence: Option<SequenceSpec>,
    /// What tells it about a whole batch, and what it gives for a whole batch.
    pub batch_tensors: BatchTensors,
    /// The models that it is made of; `None` where it runs itself.
    pub ensemble: Option<Arc<Graph>>,
    /// Whether it may answer a request any number of times.
    pub decoupled: bool,
    /// Whether its answers are kept, where the engine has a cache; without meaning for sequences and decoupled models.
    pub cached: bool,
    /// `platform` of the metadata: the configuration's, or the backend's name.
    pub platform: String,
    /// Name of the backend.
    pub backend: String,
    /// Labels of its metrics beside name and version, in alphabetical order.
    pub metric_tags: Arc<[(String, String)]>,
    /// Upper bounds of its histograms in milliseconds, ascending; empty for those that hold for every model.
    pub histogram_bounds: Vec<f64>,
    /// The complete configuration as JSON, as the configuration extension shows it.
    pub config_json: String,
    /// The complete configuration as a serialized `ModelConfig`.
    pub config_proto: bytes::Bytes,
}

/// A configuration as clients are shown it.
#[derive(Clone, Debug, Default)]
pub struct Description {
    /// As JSON.
    pub json: bytes::Bytes,
    /// As a serialized `ModelConfig`.
    pub proto: bytes::Bytes,
}

/// Counts the models of this process.
static LOADS: AtomicU64 = AtomicU64::new(0);

/// One served version: its signature, its queue, its statistics.
///
/// Requests that wait keep it alive: end it with [`Model::close`].
pub struct Model {
    spec: ModelSpec,
    described: RwLock<Arc<Description>>,
    /// Whether requests may differ in what keeps them from sharing a batch: open extents or optional inputs.
    varying_inputs: bool,
    clock: Arc<dyn Clock>,
    alarm: Arc<Alarm>,
    scheduler: Mutex<Scheduler<Box<Pending>>>,
    sequencing: Option<Sequencing>,
    order: Option<Arc<AnswerOrder>>,
    caching: Option<Caching>,
    /// Tells it from every other model of this process.
    load: u64,
    ledger: Ledger,
    next_port: AtomicU64,
    /// Ports that are open.
    ports: Mutex<BTreeSet<u64>>,
    limits: Option<Arc<Limits>>,
    /// Ports that wait for resources, and not for requests.
    limited: Mutex<BTreeMap<u64, Waker>>,
    in_flight: AtomicU64,
    idle_wakers: Mutex<Vec<Waker>>,
    has_idle_wakers: AtomicBool,
    /// Kept by whoever waits for an answer and for nothing else.
    answers: Vigil,
    /// Who asks it whether it can serve.
    pub(crate) asked: Asked,
}

impl Model {
    /// A version that is not reachable yet: see [`Engine::publish`].
    pub fn new(engine: &Arc<Engine>, spec: ModelSpec) -> Arc<Self> {
        let inputs = &spec.signature.inputs;
        let varying_inputs =
            inputs.iter().any(|input| input.optional || (!input.ragged && input.dims.contains(&-1)));
        let sequencing = spec.sequence.clone().map(|sequence| Sequencing::new(sequence, &spec.signature));
        let described =
            Arc::new(Description { json: spec.config_json.clone().into(), proto: spec.config_proto.clone() });
        let model = Arc::new(Self {
            described: RwLock::new(described),
            varying_inputs,
            clock: Arc::clone(engine.clock()),
            alarm: Arc::clone(engine.alarm()),
            scheduler: Mutex::new(Scheduler::new(
                &spec.scheduler,
                sequencing.as_ref().map(Sequencing::rules),
                spec.signature.max_batch_size,
            )),
            sequencing,
            caching: engine.cache().filter(|_| may_cache(&spec)).cloned().map(Caching::new),
            load: LOADS.fetch_add(1, Ordering::Relaxed),
            order: spec.scheduler.preserve_ordering.then(|| Arc::new(AnswerOrder::new())),
            ledger: Ledger::new(&engine.options().latencies, spec.cached, &spec.histogram_bounds),
            next_port: AtomicU64::new(0),
            ports: Mutex::default(),
            limits: engine.limits().cloned(),
            limited: Mutex::default(),
            in_flight: AtomicU64::new(0),
            idle_wakers: Mutex::new(Vec::new()),
            has_idle_wakers: AtomicBool::new(false),
            answers: Vigil::default(),
            asked: Asked::default(),
            spec,
        });
        engine.know(&model);
        model
    }

    /// What it was made from.
    pub fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    /// Where it stands among the models.
    pub fn address(&self) -> Address<'_> {
        Address { namespace: &self.spec.namespace, name: &self.spec.signature.model }
    }

    /// Its configuration as clients are shown it: what it was made from, until told otherwise.
    pub fn described(&self) -> Arc<Description> {
        Arc::clone(&self.described.read())
    }

    /// Shows another configuration from now on; for changes that leave signature and scheduling as they are.
    pub fn describe(&self, description: Description) {
        *self.described.write() = Arc::new(description);
    }

    /// A place from which one instance takes its batches, and which asks for nothing.
    pub fn open_port(self: &Arc<Self>) -> Port {
        self.make_port(None)
    }

    /// A place from which one instance takes its batches, while it holds what it asks for. Without meaning where the
    /// engine does not limit its instances; fails where it would never run.
    pub fn open_limited_port(self: &Arc<Self>, demand: Demand) -> Result<Port> {
        Ok(self.open_reserved_port(self.reserve(demand)?))
    }

    /// What an instance will ask for, made known before it takes batches; fails like [`Model::open_limited_port`].
    pub fn reserve(&self, demand: Demand) -> Result<Reservation> {
        let pass = self.limits.as_ref().map(|limits| limits.join(demand, &self.title())).transpose()?;
        Ok(Reservation(pass))
    }

    /// A place from which one instance takes its batches, while it holds what was reserved for it.
    pub fn open_reserved_port(self: &Arc<Self>, reservation: Reservation) -> Port {
        self.make_port(reservation.0)
    }

    fn make_port(self: &Arc<Self>, pass: Option<Pass>) -> Port {
        let number = self.next_port.fetch_add(1, Ordering::Relaxed);
        self.ports.lock().insert(number);
        Port::new(Arc::clone(self), number, pass)
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
        let pending = self.scheduler.lock().pending() as u64;
        ModelStatistics {
            name: self.spec.signature.model.clone(),
            namespace: Arc::clone(&self.spec.namespace),
            version: self.spec.signature.version,
            metric_tags: Arc::clone(&self.spec.metric_tags),
            pending,
            cached: self.spec.cached,
            ..self.ledger.snapshot(self.clock.now())
        }
    }

    /// Ends it: ports answer [`Turn::Closed`], requests still queued are answered with `Unavailable`.
    pub fn close(&self) {
        self.asked.clear();
        let (left, wakers) = self.scheduler.lock().close();
        wakers.into_iter().for_each(Waker::wake);
        let limited = std::mem::take(&mut *self.limited.lock());
        limited.into_values().for_each(Waker::wake);
        for pending in left {
            pending.refuse(self.closed_error(), Failure::Other);
        }
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    pub(crate) fn answers(&self) -> &Vigil {
        &self.answers
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Whether a request of so many bytes may be answered because the same bytes were asked before: see
    /// [`Engine::recall`].
    pub fn takes_words(&self, length: usize) -> bool {
        // Where answers keep an order, and where other models have a part in them, each request goes its whole way.
        let plain = self.order.is_none() && self.spec.ensemble.is_none();
        length <= LONGEST_WORDS && plain && self.caching.is_some()
    }

    pub(crate) fn caching(&self) -> Option<&Caching> {
        self.caching.as_ref()
    }

    pub(crate) fn load(&self) -> u64 {
        self.load
    }

    pub(crate) fn order(&self) -> Option<&Arc<AnswerOrder>> {
        self.order.as_ref()
    }

    pub(crate) fn has_varying_inputs(&self) -> bool {
        self.varying_inputs
    }

    pub(crate) fn is_ragged(&self, input: &str) -> bool {
        self.spec.signature.input(input).is_some_and(|spec| spec.ragged)
    }

    /// What it takes and gives when it runs: with the inputs and outputs that only sequences have.
    pub fn run_signature(&self) -> &Signature {
        self.sequencing.as_ref().map_or(&self.spec.signature, Sequencing::signature)
    }

    /// What is kept from one request of a sequence to the next.
    pub fn states(&self) -> &[StateSpec] {
        self.sequencing.as_ref().map_or(&[], Sequencing::states)
    }

    fn not_started_error(&self, id: &CorrelationId) -> Error {
        let (sequence, title) = (format_id(id), self.title());
        Error::invalid(format!(
            "sequence {sequence} of {title} is not known: the first request of a sequence must have the start flag"
        ))
        .with_hint("start it with 'sequence_start'; a sequence that was idle too long has ended")
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
        for pending in leavers.lost {
            let sequence = format_id(&pending.request.correlation_id);
            let error = Error::unavailable(format!(
                "sequence {sequence} has ended: the instance of {} that served it is gone",
                self.title()
            ));
            pending.refuse(error.with_hint("start the sequence again"), Failure::Other);
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

/// Only a request that is answered once, whatever came before it, has an answer that can be given again.
fn may_cache(spec: &ModelSpec) -> bool {
    spec.cached && !spec.decoupled && spec.sequence.is_none()
}

fn format_id(id: &CorrelationId) -> String {
    match id {
        CorrelationId::Number(number) => number.to_string(),
        CorrelationId::Text(text) => format!("'{text}'"),
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
