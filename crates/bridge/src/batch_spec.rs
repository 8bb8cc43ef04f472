//! What Python says of batch inputs and outputs, as JSON: the forms that `_native.pyi` describes.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde::Deserialize;
use trilith_core::DataType;
use trilith_engine::{BatchInputKind, BatchInputSpec, BatchOutputSpec};

use crate::array::{Access, from_pieces};

/// An input that the server makes of a batch.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchInputForm {
    kind: KindForm,
    targets: Vec<String>,
    datatype: String,
    source: String,
}

/// Outputs that come as one run of elements.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchOutputForm {
    targets: Vec<String>,
    source: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(clippy::enum_variant_names, reason = "they are named as `config.pbtxt` names them")]
enum KindForm {
    BatchElementCount,
    BatchAccumulatedElementCount,
    BatchAccumulatedElementCountWithZero,
    BatchMaxElementCountAsShape,
    BatchItemShape,
    BatchItemShapeFlatten,
}

/// The values of a batch input whose source has these shapes in the requests of a batch.
#[pyfunction]
pub(crate) fn make_batch_input<'py>(
    py: Python<'py>,
    kind: &str,
    datatype: String,
    shapes: Vec<Vec<i64>>,
) -> PyResult<Bound<'py, PyAny>> {
    let kind = serde_json::from_value(kind.into())
        .map_err(|error| PyValueError::new_err(format!("batch input '{kind}': {error}")))?;
    let form = BatchInputForm { kind, targets: vec![String::new()], datatype, source: String::new() };
    let shapes: Vec<&[i64]> = shapes.iter().map(Vec::as_slice).collect();
    let tensors = form
        .into_spec()?
        .generate(&shapes)
        .map_err(|error| PyValueError::new_err(error.message.into_owned()))?;
    let [tensor] = &tensors[..] else { return Err(PyValueError::new_err("a batch input is one tensor")) };
    from_pieces(py, tensor.datatype, &tensor.shape, tensor.payload.pieces(), Access::ReadOnly)
}

impl BatchInputForm {
    pub(crate) fn into_spec(self) -> PyResult<BatchInputSpec> {
        let datatype = DataType::parse(&self.datatype)
            .filter(|datatype| matches!(datatype, DataType::Int32 | DataType::Fp32))
            .ok_or_else(|| {
                PyValueError::new_err(format!("batch input of '{}': INT32 or FP32 was expected", self.source))
            })?;
        Ok(BatchInputSpec {
            kind: self.kind.into_kind(),
            targets: self.targets,
            datatype,
            source: self.source,
        })
    }
}

impl BatchOutputForm {
    pub(crate) fn into_spec(self) -> BatchOutputSpec {
        BatchOutputSpec { targets: self.targets, source: self.source }
    }
}

impl KindForm {
    fn into_kind(self) -> BatchInputKind {
        match self {
            Self::BatchElementCount => BatchInputKind::ElementCount,
            Self::BatchAccumulatedElementCount => BatchInputKind::AccumulatedElementCount,
            Self::BatchAccumulatedElementCountWithZero => BatchInputKind::AccumulatedElementCountWithZero,
            Self::BatchMaxElementCountAsShape => BatchInputKind::MaxElementCountAsShape,
            Self::BatchItemShape => BatchInputKind::ItemShape,
            Self::BatchItemShapeFlatten => BatchInputKind::ItemShapeFlatten,
        }
    }
}
