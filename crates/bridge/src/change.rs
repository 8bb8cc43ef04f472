//! Models that a model wants loaded or unloaded.

use std::sync::Arc;

use bytes::Bytes;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use trilith_core::{Error, Result};
use trilith_wire::control::{Asker, Control, Kind, Value};
use trilith_worker::{Change, Given, ModelControl};

/// Hands what models want to the one who carries out commands.
pub(crate) struct Changer {
    control: Arc<Control>,
    runtime: Handle,
}

impl Changer {
    pub(crate) fn new(control: Arc<Control>, runtime: Handle) -> Self {
        Self { control, runtime }
    }

    /// Has something changed, and waits until it is; not for threads that own sockets.
    pub(crate) fn run(&self, change: Change) -> Result<()> {
        self.leave(change)?.blocking_recv().unwrap_or_else(|_| Err(lost()))
    }

    /// Waits for what a model says of itself; not for threads that own sockets.
    pub(crate) fn wait_for(&self, verdict: impl Future<Output = Result<()>>) -> Result<()> {
        self.runtime.block_on(verdict)
    }

    fn leave(&self, change: Change) -> Result<oneshot::Receiver<Result<()>>> {
        let kind = match change.kind.as_str() {
            "load" => Kind::Load,
            "unload" => Kind::Unload,
            other => return Err(Error::invalid(format!("models are loaded and unloaded, not '{other}'"))),
        };
        let parameters = change.parameters.into_iter().map(|(name, given)| (name, to_value(given))).collect();
        let asker = Asker { model: change.asker, is_loading: change.is_asker_loading };
        self.control.leave(kind, &change.model, parameters, Some(asker))
    }
}

impl ModelControl for Changer {
    fn change(&self, change: Change, done: Box<dyn FnOnce(Result<()>) + Send>) {
        match self.leave(change) {
            Err(error) => done(Err(error)),
            Ok(receiver) => {
                self.runtime.spawn(async move { done(receiver.await.unwrap_or_else(|_| Err(lost()))) });
            }
        }
    }
}

fn lost() -> Error {
    Error::internal("the command was lost")
}

fn to_value(given: Given) -> Value {
    match given {
        Given::Bool(value) => Value::Bool(value),
        Given::Text(value) => Value::Text(value),
        Given::Bytes(value) => Value::Bytes(value),
    }
}

/// Truth values, texts and contents of files, by name.
pub(crate) fn to_given(parameters: &Bound<'_, PyDict>) -> PyResult<Vec<(String, Given)>> {
    let to_given = |value: &Bound<'_, PyAny>| {
        if let Ok(value) = value.cast::<PyBool>() {
            return Ok(Given::Bool(value.is_true()));
        }
        if let Ok(value) = value.cast::<PyBytes>() {
            return Ok(Given::Bytes(Bytes::copy_from_slice(value.as_bytes())));
        }
        value
            .extract::<String>()
            .map(Given::Text)
            .map_err(|_| PyTypeError::new_err("expected bool, str or bytes"))
    };
    parameters.iter().map(|(name, value)| Ok((name.extract::<String>()?, to_given(&value)?))).collect()
}
