//! The engine, the threads that own sockets, the endpoints.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use tokio::task::JoinHandle;
use trilith_engine::clock::SystemClock;
use trilith_engine::{Address, Cache, Engine, Model as EngineModel, State};
use trilith_wire::{Connections, Context, Listener, Logging, SharedMemory, Shares, Shutdown};

use crate::change::Changer;
use crate::control::Command;
use crate::door::Door;
use crate::encryption::{Encryption, Protocol};
use crate::model::{Model, wait_until};
use crate::spec::{self, ListenForm, ModelForm, ServerForm};
use crate::threads::Threads;
use crate::tracing;

/// How long connections may take to end when everything in flight was answered.
const FAREWELL: Duration = Duration::from_secs(2);

/// What listens, and what serves there.
#[derive(Default)]
struct Doors {
    open: Vec<Door>,
    tasks: Vec<JoinHandle<()>>,
}

/// The engine and the threads that own sockets.
#[pyclass(frozen, module = "trilith.native")]
pub(crate) struct Server {
    engine: Arc<Engine>,
    context: Arc<Context>,
    shutdown: Shutdown,
    threads: Arc<Threads>,
    /// `None` once the server was closed.
    doors: Mutex<Option<Doors>>,
    finish_traces: tracing::Finish,
}

#[pymethods]
impl Server {
    #[new]
    fn new(options: &str) -> PyResult<Self> {
        let mut form: ServerForm = spec::parse(options, "server options")?;
        let clock = Arc::new(SystemClock::new());
        let engine = Engine::new(form.engine_options(), clock.clone());
        let threads = Arc::new(Threads::start(form.threads)?);
        threads.next().spawn(crate::expiry::run(Arc::clone(&engine), clock));
        let control = Arc::default();
        let (tracing, finish_traces) = tracing::start(form.trace.take(), engine.clock(), &control)?;
        let context = Arc::new(Context {
            engine: Arc::clone(&engine),
            server: form.info(),
            control,
            tracing,
            logging: Logging::new(form.log_settings()),
            shared_memory: SharedMemory::of_this_build(form.client_shared_memory),
        });
        let doors = Mutex::new(Some(Doors::default()));
        Ok(Self { engine, context, shutdown: Shutdown::new(), threads, doors, finish_traces })
    }

    fn add_model(&self, spec: &str, serialized: &[u8]) -> PyResult<Model> {
        let spec = spec::parse::<ModelForm>(spec, "model spec")?.into_spec(serialized)?;
        let model = EngineModel::new(&self.engine, spec);
        let control = Arc::new(Changer::new(Arc::clone(&self.context.control), self.threads.next()));
        Ok(Model::new(Arc::clone(&self.engine), model, Arc::clone(&self.threads), control))
    }

    /// Gives models a cache of the extension's own for their answers.
    fn use_native_cache(&self, spec: &str, too_large: Py<PyAny>) -> PyResult<()> {
        self.use_cache_of(crate::cache::native(spec, too_large)?)
    }

    /// Gives models a cache that is written in Python.
    fn use_cache(&self, cache: Py<PyAny>) -> PyResult<()> {
        self.use_cache_of(Arc::new(crate::cache::PythonCache::start(cache)?))
    }

    fn set_state(&self, name: &str, version: Option<i64>, state: &str, reason: &str) -> PyResult<()> {
        self.engine.set_state(name, version, parse_state(state)?, reason);
        Ok(())
    }

    fn forget(&self, name: &str, version: Option<i64>) {
        self.engine.forget(name, version);
    }

    fn index(&self) -> Vec<(String, Option<i64>, &'static str, String)> {
        let entries = self.engine.index(false);
        entries
            .into_iter()
            .map(|entry| {
                let address = Address { namespace: &entry.namespace, name: &entry.name };
                (address.to_string(), entry.version, state_name(entry.state), entry.reason)
            })
            .collect()
    }

    #[cfg(feature = "http")]
    fn serve_http(&self, options: &str) -> PyResult<u16> {
        let form: spec::HttpForm = spec::parse(options, "HTTP options")?;
        let mut http = trilith_wire::http::HttpOptions::default();
        http.max_input_size = form.max_input_size.unwrap_or(http.max_input_size);
        if let Some(bound) = form.max_connections {
            http.connections = Connections::at_most(bound);
        }
        if let Some(seconds) = form.client_timeout_seconds {
            http.header_timeout = Duration::from_secs(seconds);
            http.body_timeout = http.header_timeout;
        }
        http.restrictions = form.headers.restrictions()?;
        http.forward = form.headers.pattern()?;
        let (context, shutdown) = (Arc::clone(&self.context), self.shutdown.clone());
        self.listen(&form.listen, Protocol::Http1, |listener| {
            trilith_wire::http::serve(listener, Arc::clone(&context), http.clone(), shutdown.clone())
        })
    }

    #[cfg(feature = "grpc")]
    fn serve_grpc(&self, options: &str) -> PyResult<u16> {
        let form: spec::GrpcForm = spec::parse(options, "gRPC options")?;
        let mut grpc = trilith_wire::grpc::GrpcOptions::default();
        grpc.max_message_size = form.max_message_size.unwrap_or(grpc.max_message_size);
        grpc.keepalive_time = form.keepalive_time_ms.map_or(grpc.keepalive_time, Duration::from_millis);
        grpc.keepalive_timeout =
            form.keepalive_timeout_ms.map_or(grpc.keepalive_timeout, Duration::from_millis);
        grpc.pings = form.pings();
        grpc.handshake_timeout =
            form.client_timeout_seconds.map_or(grpc.handshake_timeout, Duration::from_secs);
        grpc.max_connection_age = form.max_connection_age_ms.map(Duration::from_millis);
        grpc.max_connection_age_grace = form.max_connection_age_grace_ms.map(Duration::from_millis);
        grpc.response_compression = form.compression()?;
        grpc.restrictions = form.headers.restrictions()?;
        grpc.forward = form.headers.pattern()?;
        let (context, shutdown) = (Arc::clone(&self.context), self.shutdown.clone());
        self.listen(&form.listen, Protocol::Http2, |listener| {
            trilith_wire::grpc::serve(listener, Arc::clone(&context), grpc.clone(), shutdown.clone())
        })
    }

    #[cfg(feature = "metrics")]
    fn serve_metrics(&self, options: &str) -> PyResult<u16> {
        let form: spec::MetricsForm = spec::parse(options, "metrics options")?;
        let mut metrics = trilith_wire::metrics::MetricsOptions { cpu: form.cpu, ..Default::default() };
        // A longer one is meant for tensors, which do not come this way.
        metrics.client_timeout = form.client_timeout_seconds.map_or(metrics.client_timeout, |seconds| {
            metrics.client_timeout.min(Duration::from_secs(seconds))
        });
        let (context, shutdown) = (Arc::clone(&self.context), self.shutdown.clone());
        self.listen(&form.listen, Protocol::Http1, |listener| {
            trilith_wire::metrics::serve(listener, Arc::clone(&context), metrics.clone(), shutdown.clone())
        })
    }

    /// Waits for the next command, the GIL released; `None` when the server ends.
    fn next_command(&self, py: Python<'_>) -> Option<Command> {
        py.detach(|| self.context.control.next()).map(Command::new)
    }

    fn open(&self) {
        self.engine.open();
    }

    fn is_ready(&self) -> bool {
        self.engine.is_ready()
    }

    fn begin_shutdown(&self) {
        self.context.control.close();
        self.engine.close();
        self.shutdown.begin();
        // Whoever comes from now on is turned away, in place of waiting for a server that takes nobody.
        if let Some(doors) = self.doors.lock().as_mut() {
            doors.open.clear();
        }
    }

    fn in_flight(&self) -> u64 {
        self.engine.in_flight()
    }

    fn wait_idle(&self, py: Python<'_>, timeout_seconds: f64) -> PyResult<bool> {
        wait_until(py, timeout_seconds, || self.engine.in_flight() == 0)
    }

    /// Writes the traces that have ended and takes no more; says what was lost, if anything.
    fn finish_traces(&self, py: Python<'_>) -> Option<String> {
        py.detach(|| (self.finish_traces)())
    }

    fn close(&self, py: Python<'_>) {
        let Some(doors) = self.doors.lock().take() else { return };
        self.context.control.close();
        self.engine.close();
        self.shutdown.begin();
        py.detach(|| {
            self.threads.next().block_on(async {
                for task in doors.tasks {
                    let _ = tokio::time::timeout(FAREWELL, task).await;
                }
            });
            self.threads.stop();
        });
    }
}

impl Server {
    fn use_cache_of(&self, cache: Arc<dyn Cache>) -> PyResult<()> {
        if self.engine.set_cache(cache) {
            return Ok(());
        }
        Err(PyRuntimeError::new_err("the server has a cache already"))
    }

    /// Serves from every event loop: each waits at the same socket for its share, and a connection stays with the
    /// loop that took it.
    fn listen<F>(&self, form: &ListenForm, protocol: Protocol, serve: impl Fn(Listener) -> F) -> PyResult<u16>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut doors = self.doors.lock();
        let doors = doors.as_mut().ok_or_else(|| PyRuntimeError::new_err("the server was closed"))?;
        let encryption = Encryption::load(form.encryption.as_ref(), protocol)?;
        let door = Door::open(form)?;
        let shares = Shares::default();
        for (handle, duty) in self.threads.handles() {
            let _guard = handle.enter();
            let listener = encryption.apply(door.share()?).with_share(shares.join(duty));
            doors.tasks.push(handle.spawn(serve(listener)));
        }
        let port = door.port()?;
        doors.open.push(door);
        Ok(port)
    }
}

const STATES: [(State, &str); 5] = [
    (State::Unknown, "UNKNOWN"),
    (State::Loading, "LOADING"),
    (State::Ready, "READY"),
    (State::Unloading, "UNLOADING"),
    (State::Unavailable, "UNAVAILABLE"),
];

fn parse_state(name: &str) -> PyResult<State> {
    let found = STATES.iter().find(|row| row.1 == name);
    found.map(|row| row.0).ok_or_else(|| PyValueError::new_err(format!("unknown state '{name}'")))
}

fn state_name(state: State) -> &'static str {
    STATES.iter().find(|row| row.0 == state).map_or("UNKNOWN", |row| row.1)
}
