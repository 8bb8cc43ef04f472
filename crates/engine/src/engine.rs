//! The door: which models there are, in what state, and `infer`.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::task::Waker;

use parking_lot::{Mutex, RwLock};
use trilith_core::{Error, Request, Result, Wording};

use crate::address::Address;
use crate::cache::{Cache, Recalled};
use crate::calls::{Calls, Origin};
use crate::clock::{Clock, Nanos};
use crate::ensemble::{self, Whence};
use crate::expiry::Alarm;
use crate::index::Index;
use crate::limits::{Limits, Supply};
use crate::metrics::MetricRegistry;
use crate::model::{InFlight, Model};
use crate::reply::{Answer, Reply};
use crate::schedule::queue::NEVER;
use crate::statistics::ModelStatistics;
use crate::ticket::Ticket;

/// State of one version of a model, as the repository index shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing is known yet.
    Unknown,
    /// Being loaded; an earlier load of the same version may still serve.
    Loading,
    /// Serving.
    Ready,
    /// No longer takes requests, finishes those in flight.
    Unloading,
    /// Not served; the reason says why.
    Unavailable,
}

/// One line of the repository index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexEntry {
    /// Name of the model.
    pub name: String,
    /// The namespace that it lies in; may be empty.
    pub namespace: String,
    /// Its version; `None` where the model has none that could be told.
    pub version: Option<i64>,
    /// Its state.
    pub state: State,
    /// Why it is in that state; may be empty.
    pub reason: String,
}

/// What holds for the whole engine.
#[derive(Clone, Debug, Default)]
pub struct EngineOptions {
    /// Whether the server is ready only when every model is.
    pub strict_readiness: bool,
    /// What instances may hold while they run, where they are limited; empty for as much as each may want.
    pub rate_limit: Option<Vec<Supply>>,
    /// Whether latency summaries and histograms are kept beside the counters.
    pub latencies: crate::statistics::LatencyOptions,
}

/// The server's own life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Stage {
    Starting,
    Open,
    Closed,
}

/// All models of a server.
pub struct Engine {
    this: Weak<Self>,
    options: EngineOptions,
    clock: Arc<dyn Clock>,
    alarm: Arc<Alarm>,
    index: RwLock<Index>,
    /// Every model that may still have requests, reachable or not.
    known: Mutex<Vec<Weak<Model>>>,
    calls: Arc<Calls>,
    cache: OnceLock<Arc<dyn Cache>>,
    metrics: Arc<MetricRegistry>,
    limits: Option<Arc<Limits>>,
    stage: AtomicU8,
}

impl Engine {
    /// An engine without models, not yet ready.
    pub fn new(options: EngineOptions, clock: Arc<dyn Clock>) -> Arc<Self> {
        let limits = options.rate_limit.clone().map(|supplies| Arc::new(Limits::new(supplies)));
        Arc::new_cyclic(|this| Self {
            this: this.clone(),
            options,
            clock,
            alarm: Arc::new(Alarm::new()),
            index: RwLock::new(Index::default()),
            known: Mutex::new(Vec::new()),
            calls: Arc::default(),
            cache: OnceLock::new(),
            metrics: Arc::default(),
            limits,
            stage: AtomicU8::new(Stage::Starting as u8),
        })
    }

    /// The engine's clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// What models count for themselves.
    pub fn metrics(&self) -> &Arc<MetricRegistry> {
        &self.metrics
    }

    /// What holds for the whole engine.
    pub fn options(&self) -> &EngineOptions {
        &self.options
    }

    /// Gives models that are made from now on a cache for their answers; whether there was none before.
    pub fn set_cache(&self, cache: Arc<dyn Cache>) -> bool {
        self.cache.set(cache).is_ok()
    }

    pub(crate) fn limits(&self) -> Option<&Arc<Limits>> {
        self.limits.as_ref()
    }

    pub(crate) fn cache(&self) -> Option<&Arc<dyn Cache>> {
        self.cache.get()
    }

    /// Sends a request on its way; never blocks. The reply is answered exactly once, maybe before this returns
    /// (a request that is refused is answered at once).
    pub fn infer(&self, request: Request, reply: Box<dyn Reply>) -> Ticket {
        match self.enter(&request) {
            Ok(in_flight) => self.send(Whence::default(), in_flight, request, reply),
            Err(error) => refuse(request, reply, error),
        }
    }

    /// Answers words that were asked of a model before, where its cache has the answer; `None` where they have to be read.
    /// Only words that [`Model::takes_words`] are known.
    pub fn recall(&self, model: &Model, words: &Wording) -> Option<Recalled> {
        let caching = model.caching().filter(|_| self.stage() == Stage::Open)?;
        caching.recall(model, words)
    }

    /// Sends a request that a model makes on its way, like [`Engine::infer`].
    ///
    /// One that would wait for ever, because every instance of its model waits for it in the end, is refused.
    /// A trace that it carries is that of the request for whose sake it is made; it is continued. Where the origin names
    /// the requests for whose sake it is made, it is cancelled with them.
    pub fn infer_from(&self, mut origin: Origin, mut request: Request, reply: Box<dyn Reply>) -> Ticket {
        let in_flight = match self.enter(&request) {
            Ok(in_flight) => in_flight,
            Err(error) => return refuse(request, reply, error),
        };
        match origin.sake.take() {
            None => self.call((origin, 0), in_flight, request, reply),
            Some(sake) => {
                request.cancellation = sake;
                self.call((origin, 0), in_flight, request, reply).listening()
            }
        }
    }

    /// Sends a request from inside, of a model or of a step so deep in ensembles, to a model that was found.
    pub(crate) fn call(
        &self,
        (origin, depth): (Origin, u32),
        target: InFlight,
        mut request: Request,
        reply: Box<dyn Reply>,
    ) -> Ticket {
        request.trace = request.trace.map(|trace| trace.child());
        let model = target.model();
        let begun = origin.check(model).and_then(|()| match &origin.seat {
            // Who waits for an ensemble waits for its steps, which come this way themselves.
            Some(seat) if model.spec().ensemble.is_none() => {
                Calls::begin(&self.calls, seat.clone(), Arc::clone(model)).map(Some)
            }
            _ => Ok(None),
        });
        match begun {
            Ok(Some(call)) => self.send(Whence::default(), target, request, Box::new(call.hold(reply))),
            Ok(None) => self.send(Whence { seat: origin.seat, depth }, target, request, reply),
            Err(error) => refuse(request, reply, error),
        }
    }

    fn send(&self, whence: Whence, target: InFlight, request: Request, reply: Box<dyn Reply>) -> Ticket {
        let cancellation = request.cancellation.clone();
        let model = Arc::clone(target.model());
        let place = match &model.spec().ensemble {
            None => model.submit(target, request, reply),
            Some(graph) => self.this.upgrade().and_then(|engine| {
                let parts = (engine, Arc::clone(graph));
                ensemble::enter(parts, whence, target, request, reply)
            }),
        };
        Ticket::new(cancellation, place)
    }

    /// Finds the model of a step and counts it as in use, also while the server ends: the request that the step
    /// belongs to was taken in before.
    pub(crate) fn pin(&self, address: Address<'_>, version: Option<i64>) -> Result<InFlight> {
        self.index.read().find_in(address, version).map(InFlight::new)
    }

    /// Finds the model and counts the request in, in one step: whoever withdraws a model sees every request that
    /// found it.
    fn enter(&self, request: &Request) -> Result<InFlight> {
        match self.stage() {
            Stage::Open => {}
            Stage::Starting => {
                return Err(
                    Error::unavailable("the server is starting").with_hint("try again when it is ready")
                );
            }
            Stage::Closed => return Err(Error::unavailable("the server is shutting down")),
        }
        let index = self.index.read();
        index.find(&request.model, request.version).map(InFlight::new)
    }

    /// The served version of that name; without a version the highest one that is ready.
    ///
    /// Fails with `NotFound` for a name or version that is unknown or could not be loaded or goes, `Unavailable` for
    /// one that is not ready now, `InvalidArgument` for a name that stands for models of several namespaces.
    pub fn model(&self, name: &str, version: Option<i64>) -> Result<Arc<Model>> {
        self.index.read().find(name, version).cloned()
    }

    /// Versions that are ready, ascending; fails like [`Engine::model`].
    pub fn ready_versions(&self, name: &str) -> Result<Vec<i64>> {
        self.index.read().ready_versions(name)
    }

    /// Statistics of one model (all ready versions or one), or of all models.
    ///
    /// Fails with `InvalidArgument` for an unknown name or version (as Triton does).
    pub fn statistics(&self, name: Option<&str>, version: Option<i64>) -> Result<Vec<ModelStatistics>> {
        let models = self.index.read().select(name, version)?;
        Ok(models.iter().map(|model| model.statistics()).collect())
    }

    /// The repository index, by name and version; `only_ready` leaves out the rest.
    pub fn index(&self, only_ready: bool) -> Vec<IndexEntry> {
        self.index.read().entries(only_ready)
    }

    /// Whether the server is ready: started, not shutting down and, with strict readiness, no model unavailable.
    pub fn is_ready(&self) -> bool {
        self.stage() == Stage::Open && (!self.options.strict_readiness || self.index.read().is_whole())
    }

    // ---- control: called by the owner of the models' lives, never on a request's path ----

    /// Says in which state a version is; models that never loaded are known by this alone.
    pub fn set_state<'a>(
        &self,
        model: impl Into<Address<'a>>,
        version: Option<i64>,
        state: State,
        reason: &str,
    ) {
        self.index.write().set_state(model.into(), version, state, reason);
    }

    /// Makes a version take requests, in one step: a version that served before under the same name and number is
    /// returned, no longer reachable but still finishing its requests.
    pub fn publish(&self, model: Arc<Model>) -> Option<Arc<Model>> {
        self.index.write().publish(model)
    }

    /// Stops a version taking requests; the caller waits for its requests with [`Model::in_flight`].
    pub fn withdraw<'a>(&self, model: impl Into<Address<'a>>, version: i64) -> Option<Arc<Model>> {
        self.index.write().withdraw(model.into(), version)
    }

    /// Stops this very model taking requests; whether it took any. One that was displaced takes none already, and
    /// what displaced it goes on.
    pub fn retire(&self, model: &Arc<Model>) -> bool {
        self.index.write().retire(model)
    }

    /// Removes every trace of a model (version `None`) or of one version from the index.
    pub fn forget<'a>(&self, model: impl Into<Address<'a>>, version: Option<i64>) {
        // What is dropped with it must not run under the lock.
        let forgotten = self.index.write().forget(model.into(), version);
        drop(forgotten);
    }

    /// Says that start-up is over and requests may come.
    pub fn open(&self) {
        self.stage.store(Stage::Open as u8, Ordering::SeqCst);
    }

    /// Begins the end: requests from now on are refused with `Unavailable`, those in flight go on.
    pub fn close(&self) {
        self.stage.store(Stage::Closed as u8, Ordering::SeqCst);
    }

    /// Requests admitted and not yet answered, over all models.
    pub fn in_flight(&self) -> u64 {
        self.known_models().iter().map(|model| model.in_flight()).sum()
    }

    /// Answers queued requests whose time has passed or whose client has gone, over all models.
    /// Returns when to call again at the latest; `None` while nothing queued can expire.
    pub fn expire(&self, now: Nanos) -> Option<Nanos> {
        self.alarm.reset();
        let next = self.known_models().iter().map(|model| model.expire(now)).min();
        self.alarm.settle(next.unwrap_or(NEVER))
    }

    /// Registers who is to be woken when a request with an expiry earlier than all known ones was queued,
    /// so that a sleeping caller of [`Engine::expire`] can look again.
    pub fn set_expiry_waker(&self, waker: Waker) {
        self.alarm.set_waker(waker);
    }

    pub(crate) fn alarm(&self) -> &Arc<Alarm> {
        &self.alarm
    }

    /// Notes a model, from its making until its last request.
    pub(crate) fn know(&self, model: &Arc<Model>) {
        let mut known = self.known.lock();
        known.retain(|other| other.strong_count() > 0);
        known.push(Arc::downgrade(model));
    }

    pub(crate) fn known_models(&self) -> Vec<Arc<Model>> {
        self.known.lock().iter().filter_map(Weak::upgrade).collect()
    }

    fn stage(&self) -> Stage {
        match self.stage.load(Ordering::SeqCst) {
            stage if stage == Stage::Starting as u8 => Stage::Starting,
            stage if stage == Stage::Open as u8 => Stage::Open,
            _ => Stage::Closed,
        }
    }
}

fn refuse(request: Request, mut reply: Box<dyn Reply>, error: Error) -> Ticket {
    reply.send(Answer { result: Some(Err(error)), is_final: true });
    Ticket::new(request.cancellation, None)
}
