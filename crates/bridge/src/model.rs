//! One version of a model inside the engine.

use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use trilith_engine::{Description, Engine, Model as EngineModel, Reservation};
use trilith_worker::{Keepsakes, Link, Service};

use crate::call::{Caller, Premises, Road};
use crate::change::Changer;
use crate::instance::InstancePort;
use crate::readiness::PythonReadiness;
use crate::spec::parse_demand;
use crate::threads::Threads;
use crate::worker::WorkerLink;

/// How often a wait for requests in flight looks again; such waits happen when models and servers end.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// One version of a model inside the engine.
#[pyclass(frozen, module = "trilith.native")]
pub(crate) struct Model {
    engine: Arc<Engine>,
    served: Arc<EngineModel>,
    threads: Arc<Threads>,
    control: Arc<Changer>,
    keepsakes: Arc<Keepsakes>,
}

impl Model {
    pub(crate) fn new(
        engine: Arc<Engine>,
        model: Arc<EngineModel>,
        threads: Arc<Threads>,
        control: Arc<Changer>,
    ) -> Self {
        Self { engine, served: model, threads, control, keepsakes: Arc::default() }
    }

    fn premises(&self) -> Premises {
        Premises {
            engine: Arc::clone(&self.engine),
            model: Arc::clone(&self.served),
            control: Arc::clone(&self.control),
        }
    }

    /// What an instance will hold while it runs.
    fn reserve(&self, demand: &str) -> PyResult<Reservation> {
        let reservation = self.served.reserve(parse_demand(demand)?);
        reservation.map_err(|error| PyValueError::new_err(error.full_text().into_owned()))
    }
}

#[pymethods]
impl Model {
    fn publish(&self) {
        self.engine.publish(Arc::clone(&self.served));
    }

    /// Stops it taking requests, if it is the one that serves; whether it was.
    fn withdraw(&self) -> bool {
        self.engine.retire(&self.served)
    }

    /// Shows another configuration to clients.
    fn describe(&self, config_json: String, serialized: &[u8]) {
        let proto = Bytes::copy_from_slice(serialized);
        self.served.describe(Description { json: config_json.into(), proto });
    }

    #[pyo3(signature = (demand=""))]
    fn open_instance(&self, demand: &str) -> PyResult<InstancePort> {
        Ok(InstancePort::new(self.premises(), self.served.open_reserved_port(self.reserve(demand)?)))
    }

    /// How an instance in this process reaches the rest of the server before it takes batches.
    fn caller(&self) -> Caller {
        Caller::new(Road::Engine(self.premises(), None), Arc::default())
    }

    /// Takes over the server's end of a worker's channel.
    #[pyo3(signature = (socket_descriptor, demand=""))]
    fn connect_worker(&self, py: Python<'_>, socket_descriptor: i32, demand: &str) -> PyResult<WorkerLink> {
        let stream = take_socket(socket_descriptor)?;
        let reservation = self.reserve(demand)?;
        let link = py.detach(|| Link::connect(stream)).map_err(|error| {
            PyRuntimeError::new_err(format!("the worker process does not answer on its channel: {error}"))
        })?;
        let engine = Arc::clone(&self.engine);
        let clock = Arc::clone(engine.clock());
        let (beginning, ends) = WorkerLink::begin();
        let service = Service {
            model: Arc::clone(&self.served),
            reservation,
            engine,
            clock,
            control: Some(self.control.clone()),
            keepsakes: Arc::clone(&self.keepsakes),
            beginning,
        };
        Ok(WorkerLink::start(link, service, &self.threads.next(), ends))
    }

    /// Has a Python function asked whether the model can serve: it returns why not, or `None`.
    fn ask_by(&self, check: Py<PyAny>) {
        self.served.ask_by(Arc::new(PythonReadiness::new(check, self.threads.next())));
    }

    fn in_flight(&self) -> u64 {
        self.served.in_flight()
    }

    fn wait_idle(&self, py: Python<'_>, timeout_seconds: f64) -> PyResult<bool> {
        wait_until(py, timeout_seconds, || self.served.in_flight() == 0)
    }

    fn close(&self) {
        self.served.close();
        self.keepsakes.clear();
    }
}

/// Takes ownership of a socket that Python has detached.
#[allow(unsafe_code)]
pub(crate) fn take_socket(descriptor: i32) -> PyResult<UnixStream> {
    if descriptor < 0 {
        return Err(PyValueError::new_err(format!("{descriptor} is no descriptor of a socket")));
    }
    // SAFETY: the caller has detached the descriptor from its Python object, so that nobody else closes it.
    Ok(UnixStream::from(unsafe { OwnedFd::from_raw_fd(descriptor) }))
}

/// Waits, the GIL released and signals handled, until `done` or the time is over; says whether it was done.
pub(crate) fn wait_until(py: Python<'_>, seconds: f64, done: impl Fn() -> bool + Sync) -> PyResult<bool> {
    let limit = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX);
    let begin = Instant::now();
    while !done() {
        if begin.elapsed() >= limit {
            return Ok(false);
        }
        py.detach(|| thread::sleep(LOOK_AGAIN));
        py.check_signals()?;
    }
    Ok(true)
}
