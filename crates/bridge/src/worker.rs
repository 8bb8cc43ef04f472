//! Both ends of the channel to a worker process.

use std::sync::Arc;
use std::sync::mpsc;

use parking_lot::Mutex;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use trilith_engine::clock::SystemClock;
use trilith_engine::{Engine, EngineOptions, Model as EngineModel};
use trilith_worker::{Assignment, Beginning, Ended, Link, Service, Stop, WorkerPort as Channel};

use crate::array::{Access, Handover};
use crate::batch::{Batch, Remote};
use crate::call::{Caller, Road};
use crate::model::take_socket;
use crate::occupation::Occupation;
use crate::spec::{self, ModelForm};

/// The server's end.
#[pyclass(frozen, module = "trilith.native")]
pub(crate) struct WorkerLink {
    begin: Mutex<Option<oneshot::Sender<()>>>,
    said: Mutex<Option<oneshot::Receiver<String>>>,
    ended: Mutex<Option<mpsc::Receiver<Ended>>>,
    stop: Stop,
}

/// The ends that stay here of what a link begins with.
pub(crate) struct Ends {
    begin: oneshot::Sender<()>,
    said: oneshot::Receiver<String>,
}

impl WorkerLink {
    /// What a link begins with.
    pub(crate) fn begin() -> (Beginning, Ends) {
        let (told, said) = oneshot::channel();
        let (begin, go) = oneshot::channel();
        (Beginning { said: told, begin: go }, Ends { begin, said })
    }

    /// Serves the worker from now on; it gets batches only later.
    pub(crate) fn start(link: Link, service: Service, runtime: &Handle, ends: Ends) -> Self {
        let (sender, ended) = mpsc::channel();
        let stop = Stop::default();
        let stopped = stop.clone();
        runtime.spawn(async move {
            let _ = sender.send(link.serve(service, stopped).await);
        });
        Self {
            begin: Mutex::new(Some(ends.begin)),
            said: Mutex::new(Some(ends.said)),
            ended: Mutex::new(Some(ended)),
            stop,
        }
    }
}

#[pymethods]
impl WorkerLink {
    /// Waits for what the worker says of its loading, once; `None` if it ended before it said anything.
    fn loaded(&self, py: Python<'_>) -> Option<String> {
        let said = self.said.lock().take()?;
        py.detach(|| said.blocking_recv().ok())
    }

    /// Lets the worker take batches until one of both ends.
    fn run(&self, py: Python<'_>) -> PyResult<String> {
        let (Some(begin), Some(ended)) = (self.begin.lock().take(), self.ended.lock().take()) else {
            return Err(PyRuntimeError::new_err("a link runs once"));
        };
        // Where the link has ended already, that is received next.
        let _ = begin.send(());
        match py.detach(move || ended.recv()) {
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

    /// Tells whoever started this process that the model is loaded, or why it is not.
    fn say_loaded(&self, py: Python<'_>, what: &str) {
        py.detach(|| self.channel.say_loaded(what));
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
