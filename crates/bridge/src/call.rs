//! Requests that a model makes of others, as Python sees them.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use serde::Deserialize;
use trilith_core::{CorrelationId, DataType, Request, RequestedOutput, Response};
use trilith_engine::mailbox::Post;
use trilith_engine::{Answer, Engine, Mailbox, Model, Origin, Port, Ticket};
use trilith_worker::{Change, Manner, WorkerPort};

use crate::array::{Access, Handover, from_pieces, to_tensor};
use crate::change::{Changer, to_given};
use crate::metric::MetricFamily;
use crate::notify;
use crate::occupation::Occupation;
use crate::request::{from_parameters, to_parameters};
use crate::spec;
use crate::trace::Trace;

/// How often a wait for an answer looks whether Python has a signal to handle.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// How requests reach other models.
#[derive(Clone)]
pub(crate) enum Road {
    /// Straight: the instance is in the server's process. It has a port once it takes batches.
    Engine(Premises, Option<Arc<Port>>),
    /// Through the channel of a worker process.
    Channel(Arc<WorkerPort>),
}

/// What a model in the server's process reaches directly.
#[derive(Clone)]
pub(crate) struct Premises {
    pub(crate) engine: Arc<Engine>,
    pub(crate) model: Arc<Model>,
    pub(crate) control: Arc<Changer>,
}

/// See `trilith.contract.Caller`.
#[pyclass(frozen, module = "trilith.native")]
pub(crate) struct Caller {
    pub(crate) road: Road,
    occupation: Arc<Occupation>,
}

/// The parts of a request that are neither tensors nor parameters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallForm {
    model: String,
    version: Option<i64>,
    takes_many: bool,
    id: String,
    correlation_id: CorrelationForm,
    flags: u32,
    priority: u64,
    timeout: u64,
    outputs: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum CorrelationForm {
    Number(u64),
    Text(String),
}

impl Caller {
    pub(crate) fn new(road: Road, occupation: Arc<Occupation>) -> Self {
        Self { road, occupation }
    }

    fn decoupled(&self) -> bool {
        match &self.road {
            Road::Engine(premises, _) => premises.model.spec().decoupled,
            Road::Channel(port) => port.model().spec().decoupled,
        }
    }

    fn send(&self, request: Request, takes_many: bool, mailbox: &Mailbox) -> Withdrawal {
        let is_waited_for = self.occupation.is_waiting(self.decoupled());
        match &self.road {
            Road::Engine(premises, port) => {
                let seat = port.as_ref().filter(|_| is_waited_for).map(|port| port.seat());
                let sake = Origin::for_sake_of(&self.occupation.cancellations(is_waited_for));
                let origin = Origin { seat, takes_many, sake };
                Withdrawal::Ticket(premises.engine.infer_from(origin, request, mailbox.reply()))
            }
            Road::Channel(port) => Withdrawal::Call(
                Arc::clone(port),
                port.call(&request, Manner { is_waited_for, takes_many }, mailbox.reply()),
            ),
        }
    }
}

#[pymethods]
impl Caller {
    /// Sends a request on its way.
    #[pyo3(signature = (form, inputs, parameters, trace=None))]
    fn call(
        &self,
        py: Python<'_>,
        form: &str,
        inputs: &Bound<'_, PyList>,
        parameters: &Bound<'_, PyDict>,
        trace: Option<&Bound<'_, Trace>>,
    ) -> PyResult<Call> {
        let mailbox = Mailbox::new();
        let form: CallForm = spec::parse(form, "request")?;
        let takes_many = form.takes_many;
        let mut request = to_request(form, inputs)?;
        request.parameters = to_parameters(parameters)?;
        request.flow = Some(mailbox.flow());
        request.trace = trace.map(|trace| trace.get().noted());
        let withdrawal = py.detach(|| self.send(request, takes_many, &mailbox));
        Ok(Call { mailbox, withdrawal })
    }

    /// Whether a model takes requests.
    fn is_ready(&self, py: Python<'_>, model: &str, version: Option<i64>) -> bool {
        match &self.road {
            Road::Engine(premises, _) => {
                py.detach(|| premises.control.wait_for(premises.engine.ask_model(model, version)).is_ok())
            }
            Road::Channel(port) => py.detach(|| port.ask_ready(model, version)).is_ok(),
        }
    }

    /// Has a model loaded or unloaded; message and code where it could not be.
    fn change_model(
        &self,
        py: Python<'_>,
        kind: &str,
        model: &str,
        parameters: &Bound<'_, PyDict>,
    ) -> PyResult<Option<(String, &'static str)>> {
        let parameters = to_given(parameters)?;
        let result = py.detach(|| match &self.road {
            Road::Channel(port) => port.change(kind, model, &parameters),
            Road::Engine(premises, port) => {
                let asker = premises.model.address().to_string();
                premises.control.run(Change::new(kind, model, parameters).asked_by(asker, port.is_none()))
            }
        });
        Ok(result.err().map(|error| (error.full_text().into_owned(), error.code.name())))
    }

    /// Opens a family of metrics.
    fn open_family(&self, py: Python<'_>, name: &str, help: &str, kind: &str) -> PyResult<MetricFamily> {
        MetricFamily::open(py, &self.road, (name, help), kind)
    }
}

fn to_request(form: CallForm, inputs: &Bound<'_, PyList>) -> PyResult<Request> {
    let inputs = inputs
        .iter()
        .map(|input| {
            let (name, datatype, array): (String, String, Bound<'_, PyAny>) = input.extract()?;
            let datatype = DataType::parse(&datatype).ok_or_else(|| {
                PyValueError::new_err(format!("input '{name}': unknown datatype '{datatype}'"))
            })?;
            // Copied: the model keeps the array, and may change it while the other model reads.
            to_tensor(&name, &array, Some(datatype), Handover::Shared)
        })
        .collect::<PyResult<_>>()?;
    let outputs =
        form.outputs.into_iter().map(|name| RequestedOutput { name, ..RequestedOutput::default() }).collect();
    Ok(Request {
        model: form.model,
        version: form.version,
        id: form.id,
        inputs,
        outputs,
        correlation_id: match form.correlation_id {
            CorrelationForm::Number(number) => CorrelationId::Number(number),
            CorrelationForm::Text(text) => CorrelationId::Text(text),
        },
        flags: form.flags,
        priority: form.priority,
        timeout_microseconds: form.timeout,
        ..Request::default()
    })
}

/// How a request is taken back.
enum Withdrawal {
    Ticket(Ticket),
    Call(Arc<WorkerPort>, u64),
}

/// See `trilith.contract.Call`. Dropping it before its end cancels the request.
#[pyclass(frozen, module = "trilith.native")]
pub(crate) struct Call {
    mailbox: Mailbox,
    withdrawal: Withdrawal,
}

#[pymethods]
impl Call {
    /// Waits for the next answer; `None` after the last one.
    fn receive<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, CallAnswer>>> {
        wait(py, &self.mailbox)?.map(|answer| Bound::new(py, CallAnswer::new(answer))).transpose()
    }

    /// The next answer, if there is one already.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, CallAnswer>>> {
        match self.mailbox.receive(Duration::ZERO) {
            Post::Answer(answer) => Bound::new(py, CallAnswer::new(answer)).map(Some),
            Post::Nothing | Post::Ended => Ok(None),
        }
    }

    /// Calls back, once, from another thread, when there is something to take.
    fn notify(&self, callback: Py<PyAny>) {
        self.mailbox.set_waker(Waker::from(notify::waker(callback)));
    }

    fn cancel(&self, py: Python<'_>) {
        py.detach(|| match &self.withdrawal {
            Withdrawal::Ticket(ticket) => ticket.cancel(),
            Withdrawal::Call(port, call) => port.cancel_call(*call),
        });
    }

    #[getter]
    fn has_ended(&self) -> bool {
        self.mailbox.has_ended()
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.mailbox.has_ended() {
            match &self.withdrawal {
                Withdrawal::Ticket(ticket) => ticket.cancel(),
                Withdrawal::Call(port, call) => port.cancel_call(*call),
            }
        }
    }
}

/// Waits with the GIL released; `None` after the last answer.
fn wait(py: Python<'_>, mailbox: &Mailbox) -> PyResult<Option<Answer>> {
    loop {
        match py.detach(|| mailbox.receive(LOOK_AGAIN)) {
            Post::Answer(answer) => return Ok(Some(answer)),
            Post::Ended => return Ok(None),
            Post::Nothing => py.check_signals()?,
        }
    }
}

/// See `trilith.contract.CallAnswer`.
#[pyclass(frozen, module = "trilith.native")]
pub(crate) struct CallAnswer {
    answer: Answer,
}

impl CallAnswer {
    fn new(answer: Answer) -> Self {
        Self { answer }
    }

    fn response(&self) -> Option<&Response> {
        self.answer.result.as_ref().and_then(|result| result.as_ref().ok())
    }
}

#[pymethods]
impl CallAnswer {
    #[getter]
    fn is_final(&self) -> bool {
        self.answer.is_final
    }

    /// Message and code, where it is an error.
    #[getter]
    fn error(&self) -> Option<(String, &'static str)> {
        let error = self.answer.result.as_ref().and_then(|result| result.as_ref().err())?;
        Some((error.full_text().into_owned(), error.code.name()))
    }

    #[getter]
    fn outputs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let tensors = self.response().map_or(&[][..], |response| &response.outputs);
        let outputs = tensors
            .iter()
            .map(|tensor| {
                let pieces = tensor.payload.pieces();
                let array = from_pieces(py, tensor.datatype, &tensor.shape, pieces, Access::ReadOnly)?;
                Ok((tensor.name.clone(), tensor.datatype.name(), array))
            })
            .collect::<PyResult<Vec<_>>>()?;
        PyList::new(py, outputs)
    }

    #[getter]
    fn parameters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        match self.response() {
            Some(response) => from_parameters(py, &response.parameters),
            None => Ok(PyDict::new(py)),
        }
    }
}
