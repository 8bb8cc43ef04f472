//! One request of a batch, as Python sees it.

use std::sync::Arc;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyString};
use trilith_core::{CorrelationId, Error, Fault, Parameter, Parameters, Response};

use crate::array::from_pieces;
use crate::batch::{SharedBatch, parse_code, requested_outputs};
use crate::sender::ResponseSender;
use crate::trace::Trace;

/// See `trilith.contract.InferenceRequest`.
#[pyclass(frozen, module = "trilith.native")]
pub(crate) struct InferenceRequest {
    batch: Arc<SharedBatch>,
    index: usize,
}

impl InferenceRequest {
    pub(crate) fn new(batch: Arc<SharedBatch>, index: usize) -> Self {
        Self { batch, index }
    }
}

#[pymethods]
impl InferenceRequest {
    #[getter]
    fn id(&self) -> PyResult<String> {
        self.batch.with_job(self.index, |job| job.request().id.clone())
    }

    #[getter]
    fn correlation_id<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.batch.with_job(self.index, |job| job.request().correlation_id.clone())? {
            CorrelationId::Number(number) => Ok(number.into_pyobject(py)?.into_any()),
            CorrelationId::Text(text) => Ok(text.into_pyobject(py)?.into_any()),
        }
    }

    #[getter]
    fn flags(&self) -> PyResult<u32> {
        self.batch.with_job(self.index, |job| job.request().flags)
    }

    #[getter]
    fn priority(&self) -> PyResult<u64> {
        self.batch.with_job(self.index, |job| job.request().priority)
    }

    #[getter]
    fn timeout(&self) -> PyResult<u64> {
        self.batch.with_job(self.index, |job| job.request().timeout_microseconds)
    }

    #[getter]
    fn trace(&self) -> PyResult<Option<Trace>> {
        self.batch.with_job(self.index, |job| job.request().trace.clone().map(Trace::new))
    }

    #[getter]
    fn parameters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let parameters = self.batch.with_job(self.index, |job| job.request().parameters.clone())?;
        from_parameters(py, &parameters)
    }

    #[getter]
    fn requested_outputs(&self) -> PyResult<Vec<String>> {
        self.batch.with_job(self.index, |job| requested_outputs(job.request(), self.batch.model()))
    }

    #[getter]
    fn inputs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let inputs = self.batch.with_job(self.index, |job| job.request().inputs.clone())?;
        let arrays = PyDict::new(py);
        for input in inputs {
            let pieces = input.payload.pieces();
            let array = from_pieces(py, input.datatype, &input.shape, pieces, self.batch.access)?;
            arrays.set_item(input.name, array)?;
        }
        self.batch.mark_inputs_ready();
        Ok(arrays)
    }

    fn is_cancelled(&self) -> PyResult<bool> {
        self.batch.is_cancelled(self.index)
    }

    /// Has it answered piece by piece, maybe after its batch has returned.
    fn open_sender(&self) -> PyResult<ResponseSender> {
        self.batch.detach(self.index)?;
        Ok(ResponseSender::new(Arc::clone(&self.batch), self.index))
    }

    #[pyo3(signature = (outputs, parameters=None))]
    fn respond(&self, outputs: &Bound<'_, PyAny>, parameters: Option<&Bound<'_, PyDict>>) -> PyResult<()> {
        let outputs = self.batch.tensors(outputs)?;
        let parameters = parameters.map_or(Ok(Parameters::new()), to_parameters)?;
        let response = Response { outputs, parameters, ..Response::default() };
        self.batch.take_job(self.index)?.finish(Ok(response));
        Ok(())
    }

    /// Hands the request back to be run again.
    fn reschedule(&self) -> PyResult<()> {
        self.batch.take_job(self.index)?.hand_back();
        Ok(())
    }

    #[pyo3(signature = (message, code="INTERNAL"))]
    fn fail(&self, message: &Bound<'_, PyString>, code: &str) -> PyResult<()> {
        // The model's own answer to this request: its refusal, not a failure of the execution.
        let error = Error::new(parse_code(code), Fault::Client, message.to_string_lossy().into_owned());
        self.batch.take_job(self.index)?.finish(Err(error));
        Ok(())
    }
}

/// Values that ride along as Python has them.
pub(crate) fn from_parameters<'py>(py: Python<'py>, parameters: &Parameters) -> PyResult<Bound<'py, PyDict>> {
    let values = PyDict::new(py);
    for (name, value) in parameters.iter() {
        match value {
            Parameter::Bool(value) => values.set_item(name, value)?,
            Parameter::Int(value) => values.set_item(name, value)?,
            Parameter::Uint(value) => values.set_item(name, value)?,
            Parameter::Double(value) => values.set_item(name, value)?,
            Parameter::String(value) => values.set_item(name, value)?,
        }
    }
    Ok(values)
}

/// Values that ride along, from Python.
pub(crate) fn to_parameters(values: &Bound<'_, PyDict>) -> PyResult<Parameters> {
    values.iter().map(|(name, value)| Ok((name.extract()?, to_parameter(&value)?))).collect()
}

fn to_parameter(value: &Bound<'_, PyAny>) -> PyResult<Parameter> {
    // bool first: in Python it is an int as well.
    if let Ok(value) = value.cast::<PyBool>() {
        return Ok(Parameter::Bool(value.is_true()));
    }
    if let Ok(value) = value.extract() {
        return Ok(Parameter::Int(value));
    }
    if let Ok(value) = value.extract() {
        return Ok(Parameter::Uint(value));
    }
    if let Ok(value) = value.extract() {
        return Ok(Parameter::Double(value));
    }
    if let Ok(value) = value.extract() {
        return Ok(Parameter::String(value));
    }
    Err(PyTypeError::new_err("a parameter must be a bool, an int of 64 bits, a float or a str"))
}
