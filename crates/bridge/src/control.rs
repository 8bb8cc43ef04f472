//! What clients ask of the models' lives.

use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use trilith_core::{Error, Fault};
use trilith_wire::control::{Command as Asked, Value};

use crate::batch::parse_code;

/// Something to be done, and whoever waits for it. Dropped unanswered, it fails.
#[pyclass(frozen, module = "trilith.native")]
pub(crate) struct Command {
    asked: Mutex<Asked>,
}

impl Command {
    pub(crate) fn new(asked: Asked) -> Self {
        Self { asked: Mutex::new(asked) }
    }
}

#[pymethods]
impl Command {
    /// `load`, `unload` or `refresh`.
    #[getter]
    fn kind(&self) -> &'static str {
        self.asked.lock().kind.name()
    }

    /// Name of the model.
    #[getter]
    fn model(&self) -> String {
        self.asked.lock().model.clone()
    }

    /// The model that wants it, and whether that one is being loaded itself; `None` for a client.
    #[getter]
    fn asker(&self) -> Option<(String, bool)> {
        self.asked.lock().asker.as_ref().map(|asker| (asker.model.clone(), asker.is_loading))
    }

    /// Takes the parameters out: they may be large, and are asked for once.
    fn take_parameters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let parameters = std::mem::take(&mut self.asked.lock().parameters);
        let values = PyDict::new(py);
        for (name, value) in parameters {
            match value {
                Value::Bool(value) => values.set_item(name, value)?,
                Value::Text(value) => values.set_item(name, value)?,
                Value::Bytes(value) => values.set_item(name, PyBytes::new(py, &value))?,
            }
        }
        Ok(values)
    }

    /// It was done.
    fn succeed(&self) {
        self.asked.lock().answer(Ok(()));
    }

    /// It could not be done.
    #[pyo3(signature = (message, code="INTERNAL"))]
    fn fail(&self, message: String, code: &str) {
        let error = Error::new(parse_code(code), Fault::Client, message);
        self.asked.lock().answer(Err(error));
    }
}
