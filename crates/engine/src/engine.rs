//! The door: which models there are, in what state, and `infer`.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::task::Waker;

use parking_lot::{Mutex, RwLock};
use trilith_core::request::Cancellation;
use trilith_core::{Error, Request, Result};

use crate::cache::Cache;
use crate::calls::{Calls, Origin};
use crate::clock::{Clock, Nanos};
use crate::ensemble::{self, Run, Whence};
use crate::expiry::Alarm;
use crate::index::Index;
use crate::metrics::MetricRegistry;
use crate::model::{InFlight, Model};
use crate::reply::{Answer, Reply};
use crate::schedule::queue::NEVER;
use crate::statistics::ModelStatistics;
use crate::vigil::Attendance;

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
    /// Whether latency summaries and histograms are kept beside the counters.
    pub latencies: crate::statistics::LatencyOptions,
}

/// A request on its way. Dropping it does nothing; [`Ticket::cancel`] withdraws the request.
#[derive(Clone, Debug)]
pub struct Ticket {
    cancellation: Cancellation,
    /// `None` where it was refused.
    place: Option<Place>,
}

/// Where a request can be withdrawn.
#[derive(Clone)]
enum Place {
    /// Where it was queued, and its number there.
    Queue(Weak<Model>, u64),
    /// It runs as the steps of an ensemble.
    Ensemble(Weak<Run>),
}

impl fmt::Debug for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Queue(..) => "Queue",
            Self::Ensemble(_) => "Ensemble",
        })
    }
}

impl Ticket {
    /// Whether the request was answered before it was queued: refused, or from the cache.
    pub fn was_refused(&self) -> bool {
        self.place.is_none()
    }

    /// Withdraws the request: it leaves the queue at once, or its model is told. Its reply is still
    /// answered exactly once (with `Cancelled` where nothing else came first).
    pub fn cancel(&self) {
        self.cancellation.cancel();
        match &self.place {
            None => {}
            Some(Place::Queue(model, number)) => {
                if let Some(model) = model.upgrade() {
                    model.cancel(*number);
                }
            }
            Some(Place::Ensemble(run)) => {
                if let Some(run) = run.upgrade() {
                    run.cancel();
                }
            }
        }
    }

    /// Looks for the answer for a moment, for a caller that would sleep otherwise; what was found.
    pub fn watch<T>(&self, look: impl FnMut() -> Option<T>) -> Option<T> {
        if !Attendance::is_single() {
            return None;
        }
        let (model, _) = self.queued.as_ref()?;
        model.upgrade()?.answers().keep(look)
    }
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
    stage: AtomicU8,
}

impl Engine {
    /// An engine without models, not yet ready.
    pub fn new(options: EngineOptions, clock: Arc<dyn Clock>) -> Arc<Self> {
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

    /// Sends a request that a model makes on its way, like [`Engine::infer`].
    ///
    /// One that would wait for ever, because every instance of its model waits for it in the end, is refused.
    pub fn infer_from(&self, origin: Origin, request: Request, reply: Box<dyn Reply>) -> Ticket {
        match self.enter(&request) {
            Ok(in_flight) => self.call((origin, 0), in_flight, request, reply),
            Err(error) => refuse(request, reply, error),
        }
    }

    /// Sends a request from inside, of a model or of a step so deep in ensembles, to a model that was found.
    pub(crate) fn call(
        &self,
        (origin, depth): (Origin, u32),
        target: InFlight,
        request: Request,
        reply: Box<dyn Reply>,
    ) -> Ticket {
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

    fn send(&self, whence: Whence, target: InFlight, mut request: Request, reply: Box<dyn Reply>) -> Ticket {
        let cancellation = request.cancellation.clone();
        let model = Arc::clone(target.model());
        let place = match &model.spec().ensemble {
            None => {
                let number = model.submit(target, request, reply);
                number.map(|number| Place::Queue(Arc::downgrade(&model), number))
            }
            Some(graph) => Model::take_in(target, &mut request, reply).and_then(|(recipient, rows)| {
                let parts = (self.this.upgrade()?, Arc::clone(graph));
                let run = ensemble::begin(parts, whence, (request, rows), recipient);
                run.map(|run| Place::Ensemble(Arc::downgrade(&run)))
            }),
        };
        Ticket { cancellation, place }
    }

    /// Finds the model of a step and counts it as in use, also while the server ends: the request that the step
    /// belongs to was taken in before.
    pub(crate) fn pin(&self, name: &str, version: Option<i64>) -> Result<InFlight> {
        self.index.read().find(name, version).map(InFlight::new)
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
    /// Fails with `NotFound` for a name or version that is unknown or could not be loaded, `Unavailable` for
    /// one that is not ready now.
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
    pub fn set_state(&self, name: &str, version: Option<i64>, state: State, reason: &str) {
        self.index.write().set_state(name, version, state, reason);
    }

    /// Makes a version take requests, in one step: a version that served before under the same name and number is
    /// returned, no longer reachable but still finishing its requests.
    pub fn publish(&self, model: Arc<Model>) -> Option<Arc<Model>> {
        self.index.write().publish(model)
    }

    /// Stops a version taking requests; the caller waits for its requests with [`Model::in_flight`].
    pub fn withdraw(&self, name: &str, version: i64) -> Option<Arc<Model>> {
        self.index.write().withdraw(name, version)
    }

    /// Stops this very model taking requests; whether it took any. One that was displaced takes none already, and
    /// what displaced it goes on.
    pub fn retire(&self, model: &Arc<Model>) -> bool {
        self.index.write().retire(model)
    }

    /// Removes every trace of a name (version `None`) or of one version from the index.
    pub fn forget(&self, name: &str, version: Option<i64>) {
        // What is dropped with it must not run under the lock.
        let forgotten = self.index.write().forget(name, version);
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

    fn known_models(&self) -> Vec<Arc<Model>> {
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
    Ticket { cancellation: request.cancellation, place: None }
}
