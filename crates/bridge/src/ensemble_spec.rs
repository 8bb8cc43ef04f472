//! What Python says of an ensemble's steps.

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde::Deserialize;
use trilith_core::Signature;
use trilith_engine::ensemble::{Graph, StepSpec};

/// The steps, in the order of the configuration.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct EnsembleForm(Vec<StepForm>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StepForm {
    model: String,
    #[serde(default)]
    namespace: String,
    version: Option<i64>,
    inputs: Vec<(String, String)>,
    outputs: Vec<(String, String)>,
    #[serde(default)]
    decoupled: bool,
    #[serde(default)]
    names_outputs: bool,
}

impl EnsembleForm {
    pub(crate) fn into_graph(self, signature: &Signature) -> PyResult<Arc<Graph>> {
        let steps: Vec<StepSpec> = self.0.into_iter().map(StepForm::into_spec).collect();
        let graph = Graph::new(signature, &steps);
        graph.map(Arc::new).map_err(|problem| PyValueError::new_err(format!("ensemble: {problem}")))
    }
}

impl StepForm {
    fn into_spec(self) -> StepSpec {
        let Self { model, namespace, version, inputs, outputs, decoupled, names_outputs } = self;
        StepSpec { model, namespace, version, inputs, outputs, decoupled, names_outputs }
    }
}
