//! What an instance is handed to execute.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyMapping, PyString};
use trilith_core::tensor::Shape;
use trilith_core::{Code, DataType, Error, Fault, Request, Tensor};
use trilith_engine::{Batch as EngineBatch, Job, Model};
use trilith_worker::WorkerPort;

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
    /// In a worker process, where cancellations come from.
    pub(crate) worker: Option<Arc<WorkerPort>>,
}

enum State {
    /// No request was answered yet.
    Whole(EngineBatch),
    /// Requests are answered one by one; those that were are gone.
    Split(Vec<Option<Job>>),
}

/// An input on its way to become an array.
struct Input {
    name: String,
    datatype: DataType,
    shape: Shape,
    pieces: Vec<Bytes>,
}

impl SharedBatch {
    pub(crate) fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// Looks at a request that was not answered yet.
    pub(crate) fn with_job<T>(&self, index: usize, look: impl FnOnce(&Job) -> T) -> PyResult<T> {
        match &*self.state.lock() {
            State::Whole(batch) => batch.jobs().get(index).map(look),
            State::Split(jobs) => jobs.get(index).and_then(Option::as_ref).map(look),
        }
        .ok_or_else(|| PyRuntimeError::new_err("this request was answered already"))
    }

    /// Takes a request out to be answered.
    pub(crate) fn take_job(&self, index: usize) -> PyResult<Job> {
        let mut state = self.state.lock();
        let mut jobs = split(&mut state);
        jobs.as_mut()
            .and_then(|jobs| jobs.get_mut(index))
            .and_then(Option::take)
            .ok_or_else(|| PyRuntimeError::new_err("this request was answered already"))
    }

    /// Notes that inputs are in place.
    pub(crate) fn mark_inputs_ready(&self) {
        if let State::Whole(batch) = &mut *self.state.lock() {
            batch.mark_inputs_ready();
        }
    }

    /// Outputs by name as tensors.
    pub(crate) fn tensors(&self, outputs: &Bound<'_, PyAny>) -> PyResult<Vec<Tensor>> {
        let signature = &self.model.spec().signature;
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
            State::Whole(batch) => Ok(batch
                .inputs()
                .into_iter()
                .map(|input| Input {
                    name: input.spec.name.clone(),
                    datatype: input.spec.datatype,
                    pieces: input.parts.iter().flat_map(|part| part.pieces()).cloned().collect(),
                    shape: input.shape,
                })
                .collect()),
            State::Split(_) => Err(PyRuntimeError::new_err(
                "the inputs of a batch are gone once one of its requests was answered",
            )),
        }
    }

    /// Fails what is left unanswered.
    fn fail_rest(&self, error: &Error) {
        let mut state = self.state.lock();
        let jobs: Vec<Job> = split(&mut state)
            .map(|jobs| jobs.iter_mut().filter_map(Option::take).collect())
            .unwrap_or_default();
        drop(state);
        for job in jobs {
            job.fail(error.clone());
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
fn split(state: &mut State) -> Option<&mut Vec<Option<Job>>> {
    if let State::Whole(_) = state
        && let State::Whole(mut batch) = std::mem::replace(state, State::Split(Vec::new()))
    {
        batch.mark_executed();
        *state = State::Split(batch.into_jobs().into_iter().map(Some).collect());
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
        worker: Option<Arc<WorkerPort>>,
    ) -> Self {
        let (model, size, count) = (Arc::clone(batch.model()), batch.size(), batch.jobs().len());
        let state = Mutex::new(State::Whole(batch));
        Self { shared: Arc::new(SharedBatch { state, model, size, count, access, handover, worker }) }
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
        let outputs = &self.shared.model.spec().signature.outputs;
        let mut wanted = vec![false; outputs.len()];
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
        let Some(outputs) = outputs else {
            return self.shared.fail_rest(&model_error(
                Code::Internal,
                format!("model '{}' returned from execute without answering this request", self.name()),
            ));
        };
        let tensors = match self.shared.tensors(outputs) {
            Ok(tensors) => tensors,
            Err(error) => {
                let text = format!("model '{}' returned outputs that cannot be sent: {}", self.name(), error);
                return self.shared.fail_rest(&model_error(Code::Internal, text));
            }
        };
        match self.shared.take_whole() {
            Some(batch) => batch.finish(tensors),
            None => self.shared.fail_rest(&model_error(
                Code::Internal,
                format!(
                    "model '{}' answered some requests by themselves and the batch as a whole",
                    self.name()
                ),
            )),
        }
    }

    /// Fails every request that is left unanswered.
    fn fail(&self, message: &Bound<'_, PyString>, code: &str) {
        self.shared.fail_rest(&model_error(parse_code(code), message.to_string_lossy().into_owned()));
    }

    fn __len__(&self) -> usize {
        self.shared.count
    }
}

impl Batch {
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

fn model_error(code: Code, message: String) -> Error {
    Error::new(code, Fault::Model, message)
}

/// The code of that name; what is unknown is a failure of the model.
pub(crate) fn parse_code(name: &str) -> Code {
    Code::parse(name).unwrap_or(Code::Internal)
}
