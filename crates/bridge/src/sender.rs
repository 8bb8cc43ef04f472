//! Answers one request piece by piece, from any thread, also after its batch has returned.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use pyo3::exceptions::{PyRuntimeError, PyTimeoutError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use trilith_core::{Error, Fault, Flow, Parameters, Response};
use trilith_engine::Job;

use crate::batch::{SharedBatch, Slot, parse_code};
use crate::request::to_parameters;

/// How long a model is held back by a client that does not read, before the request is given up: as long as a client
/// may take between two pieces of a body.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a model that is held back looks whether its request was cancelled.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// See `trilith.contract.ResponseSender`.
#[pyclass(frozen, module = "trilith.native")]
pub(crate) struct ResponseSender {
    batch: Arc<SharedBatch>,
    index: usize,
    /// One answer at a time, so that none overtakes another.
    turn: Mutex<()>,
}

impl ResponseSender {
    pub(crate) fn new(batch: Arc<SharedBatch>, index: usize) -> Self {
        Self { batch, index, turn: Mutex::new(()) }
    }

    fn deliver(&self, py: Python<'_>, result: trilith_core::Result<Response>, last: bool) -> PyResult<()> {
        let slot = self.batch.slot(self.index)?;
        let problem = py.detach(|| {
            let _turn = self.turn.lock();
            self.wait_for_room(&slot)?;
            hand_on(&slot, result, last)
        });
        problem.map_err(|problem| match problem {
            Problem::Unread => PyTimeoutError::new_err(format!(
                "the client has not read its responses for {} s; the request was cancelled",
                PATIENCE.as_secs()
            )),
            Problem::Refused(message) => PyRuntimeError::new_err(message),
        })
    }

    /// Holds the model back while too many answers wait for their reader.
    fn wait_for_room(&self, slot: &Slot) -> Result<(), Problem> {
        let look = |job: &Job| (job.request().flow.clone(), job.request().cancellation.clone());
        let Some((Some(flow), cancellation)) = slot.lock().as_ref().map(look) else { return Ok(()) };
        let begin = Instant::now();
        while !Flow::wait_for_room(&flow, LOOK_AGAIN) && !cancellation.is_cancelled() {
            if begin.elapsed() > PATIENCE {
                cancellation.cancel();
                return Err(Problem::Unread);
            }
            self.batch.poll_news().map_err(|error| Problem::Refused(error.to_string()))?;
        }
        Ok(())
    }
}

enum Problem {
    Unread,
    Refused(String),
}

fn hand_on(slot: &Slot, result: trilith_core::Result<Response>, last: bool) -> Result<(), Problem> {
    let mut slot = slot.lock();
    let answered = || Problem::Refused("this request was answered already".to_owned());
    if last {
        slot.take().ok_or_else(answered)?.finish(result);
        return Ok(());
    }
    let sent = slot.as_mut().ok_or_else(answered)?.send(result);
    sent.map_err(|error| Problem::Refused(error.full_text().into_owned()))
}

#[pymethods]
impl ResponseSender {
    #[pyo3(signature = (outputs, parameters=None, *, last=false))]
    fn respond(
        &self,
        py: Python<'_>,
        outputs: &Bound<'_, PyAny>,
        parameters: Option<&Bound<'_, PyDict>>,
        last: bool,
    ) -> PyResult<()> {
        let outputs = self.batch.tensors(outputs)?;
        let parameters = parameters.map_or(Ok(Parameters::new()), to_parameters)?;
        self.deliver(py, Ok(Response { outputs, parameters, ..Response::default() }), last)
    }

    #[pyo3(signature = (message, code="INTERNAL", *, last=false))]
    fn fail(&self, py: Python<'_>, message: &Bound<'_, PyString>, code: &str, last: bool) -> PyResult<()> {
        let message = message.to_string_lossy().into_owned();
        self.deliver(py, Err(Error::new(parse_code(code), Fault::Client, message)), last)
    }

    fn finish(&self, py: Python<'_>) -> PyResult<()> {
        let slot = self.batch.slot(self.index)?;
        let job = py.detach(|| {
            let _turn = self.turn.lock();
            slot.lock().take()
        });
        let job = job.ok_or_else(|| PyRuntimeError::new_err("this request was answered already"))?;
        py.detach(|| job.finish_without_response());
        Ok(())
    }

    fn is_cancelled(&self) -> PyResult<bool> {
        self.batch.is_cancelled(self.index)
    }
}

impl Drop for ResponseSender {
    fn drop(&mut self) {
        let Ok(slot) = self.batch.slot(self.index) else { return };
        let job = slot.lock().take();
        if let Some(job) = job {
            let signature = &self.batch.model().spec().signature;
            job.fail(Error::model(format!(
                "model '{}' version {} let go of the response sender of this request without the final flag",
                signature.model, signature.version
            )));
        }
    }
}
