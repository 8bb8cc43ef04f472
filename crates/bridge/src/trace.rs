//! A request's trace as Python sees it: something to hand on.

use std::sync::Arc;

use pyo3::prelude::*;
use trilith_core::trace::Trace as Noted;

/// See `trilith.contract.Trace`.
#[pyclass(frozen, module = "trilith.native")]
pub(crate) struct Trace(Arc<dyn Noted>);

impl Trace {
    pub(crate) fn new(trace: Arc<dyn Noted>) -> Self {
        Self(trace)
    }

    pub(crate) fn noted(&self) -> Arc<dyn Noted> {
        Arc::clone(&self.0)
    }
}

#[pymethods]
impl Trace {
    #[getter]
    fn context(&self) -> Option<String> {
        self.0.context()
    }
}
