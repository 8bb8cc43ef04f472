//! What an instance is handed to execute.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyMapping, PyString};
use trilith_core::request::Cancellation;
use trilith_core::tensor::Shape;
use trilith_core::{Code, DataType, Error, Fault, Request, Tensor};
use trilith_engine::{Batch as EngineBatch, Job, Model};
use trilith_worker::{Receipt, WorkerPort};

use crate::array::{Access, Handover, from_pieces, to_tensor};
use crate::request::InferenceRequest;

/// See `trilith.contract.Batch`.
#[pyclass(frozen, module = "trilith.native")]
pub(crate) struct Batch {
    shared: Arc<SharedBatch>,
}

/// A batch and how its memory may be used, shared with its requests.
pub(crate) struct SharedBatch {
    state: Mutex<State>,
    model: Arc<Model>,
    size: usize,
    count: usize,
    pub(crate) access: Access,
    pub(crate) handover: Handover,
    remote: Option<Remote>,
    /// Requests that are answered through a sender of their own, maybe after the batch has returned.
    detached: Vec<AtomicBool>,
}

/// In a worker process: the way to the server.
pub(crate) struct Remote {
    pub(crate) port: Arc<WorkerPort>,
    pub(crate) receipt: Receipt,
}

/// A request of a batch that is answered one by one; gone once it had its last answer.
pub(crate) type Slot = Arc<Mutex<Option<Job>>>;

enum State {
    /// No request was answered yet.
    Whole(EngineBatch),
    /// Requests are answered one by one; those that were are gone.
    Split(Vec<Slot>),
}

/// An input on its way to become an array.
struct Input {
    name: String,
    datatype: DataType,
    shape: Shape,
    pieces: Vec<Bytes>,
}

impl From<Tensor> for Input {
    fn from(tensor: Tensor) -> Self {
        let Tensor { name, datatype, shape, payload, .. } = tensor;
        Self { name, datatype, shape, pieces: payload.pieces().to_vec() }
    }
}

impl SharedBatch {
    pub(crate) fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// Looks at a request that was not answered yet.
    pub(crate) fn with_job<T>(&self, index: usize, look: impl FnOnce(&Job) -> T) -> PyResult<T> {
        let slot = match &*self.state.lock() {
            State::Whole(batch) => return batch.jobs().get(index).map(look).ok_or_else(answered),
            State::Split(jobs) => jobs.get(index).cloned(),
        };
        slot.and_then(|slot| slot.lock().as_ref().map(look)).ok_or_else(answered)
    }

    /// Takes a request out to be answered.
    pub(crate) fn take_job(&self, index: usize) -> PyResult<Job> {
        self.slot(index)?.lock().take().ok_or_else(answered)
    }

    /// A request that is answered by itself from here on.
    pub(crate) fn slot(&self, index: usize) -> PyResult<Slot> {
        let mut state = self.state.lock();
        split(&mut state).and_then(|jobs| jobs.get(index).cloned()).ok_or_else(answered)
    }

    /// Notes that a request has a sender of its own: it may be answered after the batch has returned.
    pub(crate) fn detach(&self, index: usize) -> PyResult<()> {
        let is_detached = self.detached.get(index).ok_or_else(answered)?;
        if is_detached.swap(true, Ordering::AcqRel) {
            return Err(PyRuntimeError::new_err("this request has a response sender already"));
        }
        if let Some(remote) = &self.remote {
            remote.receipt.answer_one_by_one();
        }
        Ok(())
    }

    /// Whether nobody waits for the answer to a request any more; no longer of interest once it was answered.
    pub(crate) fn is_cancelled(&self, index: usize) -> PyResult<bool> {
        self.poll_news()?;
        Ok(self.with_job(index, Job::is_cancelled).unwrap_or(false))
    }

    /// What cancels the requests that are not answered yet.
    pub(crate) fn cancellations(&self) -> Vec<Cancellation> {
        let of = |job: &Job| job.request().cancellation.clone();
        let slots = match &*self.state.lock() {
            State::Whole(batch) => return batch.jobs().iter().map(of).collect(),
            State::Split(slots) => slots.clone(),
        };
        slots.iter().filter_map(|slot| slot.lock().as_ref().map(of)).collect()
    }

    /// Takes note of what the server has said meanwhile.
    pub(crate) fn poll_news(&self) -> PyResult<()> {
        if let Some(remote) = &self.remote {
            remote.port.poll_news()?;
        }
        Ok(())
    }

    /// Notes that inputs are in place.
    pub(crate) fn mark_inputs_ready(&self) {
        if let State::Whole(batch) = &mut *self.state.lock() {
            batch.mark_inputs_ready();
        }
    }

    /// Outputs by name as tensors.
    pub(crate) fn tensors(&self, outputs: &Bound<'_, PyAny>) -> PyResult<Vec<Tensor>> {
        let signature = self.model.run_signature();
        let convert = |name: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>| {
            let name: String = name.extract()?;
            let expected = signature.output(&name).map(|spec| spec.datatype);
            to_tensor(&name, value, expected, self.handover)
        };
        if let Ok(outputs) = outputs.cast::<PyDict>() {
            return outputs.iter().map(|(name, value)| convert(&name, &value)).collect();
        }
        let items = outputs.cast::<PyMapping>()?.items()?;
        items.iter().map(|item| convert(&item.get_item(0)?, &item.get_item(1)?)).collect()
    }

    fn inputs(&self) -> PyResult<Vec<Input>> {
        match &*self.state.lock() {
            State::Whole(batch) => {
                let gathered = batch.inputs().into_iter().map(|input| Input {
                    name: input.spec.name.clone(),
                    datatype: input.spec.datatype,
                    pieces: input.parts.iter().flat_map(|part| part.pieces()).cloned().collect(),
                    shape: input.shape,
                });
                let described = batch
                    .batch_inputs()
                    .map_err(|error| PyValueError::new_err(error.message.into_owned()))?;
                Ok(gathered.chain(described.into_iter().map(Input::from)).collect())
            }
            State::Split(_) => Err(PyRuntimeError::new_err(
                "the inputs of a batch are gone once one of its requests was answered",
            )),
        }
    }

    /// Fails what is left unanswered; requests that have a sender of their own only if `also_detached`.
    fn fail_rest(&self, error: &Error, also_detached: bool) {
        let mut left = Vec::new();
        if let Some(slots) = split(&mut self.state.lock()) {
            for (slot, is_detached) in slots.iter().zip(&self.detached) {
                if also_detached || !is_detached.load(Ordering::Acquire) {
                    left.extend(slot.lock().take());
                }
            }
        }
        for job in left {
            job.fail(error.clone());
        }
    }

    /// Tells the server that the next batch may come.
    fn end_run(&self) {
        if let Some(remote) = &self.remote {
            remote.receipt.returned();
        }
    }

    /// Takes the whole batch, if no request was answered yet.
    fn take_whole(&self) -> Option<EngineBatch> {
        let mut state = self.state.lock();
        match std::mem::replace(&mut *state, State::Split(Vec::new())) {
            State::Whole(mut batch) => {
                batch.mark_executed();
                Some(batch)
            }
            split @ State::Split(_) => {
                *state = split;
                None
            }
        }
    }
}

/// The jobs, one by one; the first call ends the time that counts as execution.
fn split(state: &mut State) -> Option<&mut Vec<Slot>> {
    if let State::Whole(_) = state
        && let State::Whole(mut batch) = std::mem::replace(state, State::Split(Vec::new()))
    {
        batch.mark_executed();
        *state =
            State::Split(batch.into_jobs().into_iter().map(|job| Arc::new(Mutex::new(Some(job)))).collect());
    }
    match state {
        State::Split(jobs) => Some(jobs),
        State::Whole(_) => None,
    }
}

impl Batch {
    pub(crate) fn new(
        batch: EngineBatch,
        access: Access,
        handover: Handover,
        remote: Option<Remote>,
    ) -> Self {
        let (model, size, count) = (Arc::clone(batch.model()), batch.size(), batch.jobs().len());
        let state = Mutex::new(State::Whole(batch));
        let detached = (0..count).map(|_| AtomicBool::new(false)).collect();
        let shared = SharedBatch { state, model, size, count, access, handover, remote, detached };
        Self { shared: Arc::new(shared) }
    }
}

impl Batch {
    /// What it has in common with its requests.
    pub(crate) fn shared(&self) -> &Arc<SharedBatch> {
        &self.shared
    }
}

#[pymethods]
impl Batch {
    #[getter]
    fn size(&self) -> usize {
        self.shared.size
    }

    #[getter]
    fn requests<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let requests = (0..self.shared.count)
            .map(|index| Bound::new(py, InferenceRequest::new(Arc::clone(&self.shared), index)))
            .collect::<PyResult<Vec<_>>>()?;
        PyList::new(py, requests)
    }

    #[getter]
    fn inputs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let arrays = PyDict::new(py);
        for input in self.shared.inputs()? {
            let array = from_pieces(py, input.datatype, &input.shape, &input.pieces, self.shared.access)?;
            arrays.set_item(input.name, array)?;
        }
        self.shared.mark_inputs_ready();
        Ok(arrays)
    }

    #[getter]
    fn requested_outputs(&self) -> PyResult<Vec<&str>> {
        let model = &self.shared.model;
        let outputs = &model.run_signature().outputs;
        // What is kept for the next request of a sequence is wanted whatever clients ask for.
        let mut wanted: Vec<_> = outputs
            .iter()
            .map(|spec| model.states().iter().any(|state| state.output.name == spec.name))
            .collect();
        for index in 0..self.shared.count {
            self.shared.with_job(index, |job| {
                let named = &job.request().outputs;
                for (spec, wanted) in outputs.iter().zip(&mut wanted) {
                    *wanted |= named.is_empty() || named.iter().any(|output| output.name == spec.name);
                }
            })?;
        }
        Ok(outputs
            .iter()
            .zip(wanted)
            .filter(|(_, wanted)| *wanted)
            .map(|(spec, _)| spec.name.as_str())
            .collect())
    }

    /// Answers every request from outputs over the whole batch.
    fn finish(&self, outputs: Option<&Bound<'_, PyAny>>) {
        self.answer(outputs);
        self.shared.end_run();
    }

    /// Fails every request that is left unanswered.
    fn fail(&self, message: &Bound<'_, PyString>, code: &str) {
        let error = model_error(parse_code(code), message.to_string_lossy().into_owned());
        self.shared.fail_rest(&error, true);
        self.shared.end_run();
    }

    fn __len__(&self) -> usize {
        self.shared.count
    }
}

impl Batch {
    fn answer(&self, outputs: Option<&Bound<'_, PyAny>>) {
        let Some(outputs) = outputs else {
            // Requests of a decoupled model are answered whenever the model likes; once it has let go of one that was
            // not answered, that is answered with an error by itself.
            if !self.shared.model.spec().decoupled {
                let message =
                    format!("model '{}' returned from execute without answering this request", self.name());
                self.shared.fail_rest(&model_error(Code::Internal, message), false);
            }
            return;
        };
        let tensors = match self.shared.tensors(outputs) {
            Ok(tensors) => tensors,
            Err(error) => {
                let text = format!("model '{}' returned outputs that cannot be sent: {}", self.name(), error);
                return self.shared.fail_rest(&model_error(Code::Internal, text), true);
            }
        };
        if let Some(batch) = self.shared.take_whole() {
            return batch.finish(tensors);
        }
        let name = self.name();
        let text = format!("model '{name}' answered some requests by themselves and the batch as a whole");
        self.shared.fail_rest(&model_error(Code::Internal, text), true);
    }

    fn name(&self) -> &str {
        &self.shared.model.spec().signature.model
    }
}

/// Names of the outputs that a request wants: all of the model's where it names none.
pub(crate) fn requested_outputs(request: &Request, model: &Model) -> Vec<String> {
    if request.outputs.is_empty() {
        return model.spec().signature.outputs.iter().map(|spec| spec.name.clone()).collect();
    }
    request.outputs.iter().map(|output| output.name.clone()).collect()
}

fn answered() -> PyErr {
    PyRuntimeError::new_err("this request was answered already")
}

fn model_error(code: Code, message: String) -> Error {
    Error::new(code, Fault::Model, message)
}

/// The code of that name; what is unknown is a failure of the model.
pub(crate) fn parse_code(name: &str) -> Code {
    Code::parse(name).unwrap_or(Code::Internal)
}
