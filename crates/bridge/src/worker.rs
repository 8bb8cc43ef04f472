//! Both ends of the channel to a worker process.

use std::sync::Arc;
use std::sync::mpsc;

use parking_lot::Mutex;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use tokio::runtime::Handle;
use trilith_engine::clock::SystemClock;
use trilith_engine::{Engine, EngineOptions, Model as EngineModel};
use trilith_worker::{Assignment, Ended, Link, Service, Stop, WorkerPort as Channel};

use crate::array::{Access, Handover};
use crate::batch::{Batch, Remote};
use crate::call::{Caller, Occupation, Road};
use crate::model::take_socket;
use crate::spec::{self, ModelForm};

/// The server's end.
#[pyclass(frozen, module = "trilith.native")]
pub(crate) struct WorkerLink {
    parts: Mutex<Option<(Link, Service)>>,
    runtime: Handle,
    stop: Stop,
}

impl WorkerLink {
    pub(crate) fn new(link: Link, service: Service, runtime: Handle) -> Self {
        Self { parts: Mutex::new(Some((link, service))), runtime, stop: Stop::default() }
    }
}

#[pymethods]
impl WorkerLink {
    /// Serves batches to the worker until one of them ends.
    fn run(&self, py: Python<'_>) -> PyResult<String> {
        let Some((link, service)) = self.parts.lock().take() else {
            return Err(PyRuntimeError::new_err("a link runs once"));
        };
        let (sender, receiver) = mpsc::channel();
        let stop = self.stop.clone();
        self.runtime.spawn(async move {
            let _ = sender.send(link.serve(service, stop).await);
        });
        match py.detach(move || receiver.recv()) {
            Ok(Ended::Lost(how)) => Ok(how),
            // The channel is dropped without a message only when the server's threads end.
            Ok(Ended::Stopped) | Err(_) => Ok(String::new()),
        }
    }

    /// Ends the channel after the batch that is running.
    fn close(&self) {
        self.stop.stop();
    }
}

/// The worker's end.
#[pyclass(frozen, module = "trilith.native")]
pub(crate) struct WorkerPort {
    channel: Arc<Channel>,
    occupation: Arc<Occupation>,
    // The model of this end is known to an engine of its own.
    _engine: Arc<Engine>,
}

#[pymethods]
impl WorkerPort {
    #[new]
    fn new(py: Python<'_>, socket_descriptor: i32, spec: &str) -> PyResult<Self> {
        let spec = spec::parse::<ModelForm>(spec, "model spec")?.into_spec(&[])?;
        let engine = Engine::new(EngineOptions::default(), Arc::new(SystemClock::new()));
        let model = EngineModel::new(&engine, spec);
        let stream = take_socket(socket_descriptor)?;
        let channel = py.detach(|| Channel::connect(stream, model))?;
        Ok(Self { channel: Arc::new(channel), occupation: Arc::default(), _engine: engine })
    }

    /// Waits for the next batch, the GIL released.
    fn next_batch(&self, py: Python<'_>) -> PyResult<Option<Batch>> {
        self.occupation.end();
        let assignment = py.detach(|| self.channel.next_batch())?;
        Ok(assignment.map(|Assignment { batch, receipt }| {
            self.occupation.begin();
            let remote = Some(Remote { port: Arc::clone(&self.channel), receipt });
            Batch::new(batch, Access::Writable, Handover::Immediate, remote)
        }))
    }

    /// How the instance's model makes requests of others.
    fn caller(&self) -> Caller {
        Caller::new(Road::Channel(Arc::clone(&self.channel)), Arc::clone(&self.occupation))
    }
}
