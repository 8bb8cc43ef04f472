//! What Python says of a model's sequences: the form that `_native.pyi` describes.

use std::sync::Arc;

use bytes::Bytes;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde::Deserialize;
use trilith_core::tensor::Shape;
use trilith_core::{DataType, TensorSpec};
use trilith_engine::{ControlKind, ControlSpec, SequenceSpec, SequenceStrategy, StateSpec};

/// `sequence_batching`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SequenceForm {
    max_idle_microseconds: u64,
    iterative: bool,
    strategy: StrategyForm,
    controls: Vec<ControlForm>,
    states: Vec<StateForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
enum StrategyForm {
    Direct {
        max_queue_delay_microseconds: u64,
        minimum_slot_utilization: f32,
    },
    Oldest {
        max_candidate_sequences: u32,
        preferred_batch_sizes: Vec<u32>,
        max_queue_delay_microseconds: u64,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ControlForm {
    name: String,
    datatype: String,
    kind: KindForm,
    #[serde(default)]
    false_true: Option<(f64, f64)>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum KindForm {
    Start,
    End,
    Ready,
    Corrid,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StateForm {
    input: String,
    output: String,
    datatype: String,
    dims: Vec<i64>,
    initial_dims: Vec<i64>,
    #[serde(default)]
    initial: Option<String>,
}

impl SequenceForm {
    pub(crate) fn into_spec(self) -> PyResult<SequenceSpec> {
        Ok(SequenceSpec {
            strategy: self.strategy.into_strategy(),
            max_idle: self.max_idle_microseconds.saturating_mul(1_000),
            iterative: self.iterative,
            controls: self.controls.into_iter().map(ControlForm::into_spec).collect::<PyResult<_>>()?,
            states: self.states.into_iter().map(StateForm::into_spec).collect::<PyResult<_>>()?,
        })
    }
}

impl StrategyForm {
    fn into_strategy(self) -> SequenceStrategy {
        match self {
            Self::Direct { max_queue_delay_microseconds, minimum_slot_utilization } => {
                SequenceStrategy::Direct {
                    max_queue_delay: max_queue_delay_microseconds.saturating_mul(1_000),
                    minimum_slot_utilization,
                }
            }
            Self::Oldest { max_candidate_sequences, preferred_batch_sizes, max_queue_delay_microseconds } => {
                SequenceStrategy::Oldest {
                    max_candidate_sequences,
                    preferred_batch_sizes,
                    max_queue_delay: max_queue_delay_microseconds.saturating_mul(1_000),
                }
            }
        }
    }
}

impl ControlForm {
    fn into_spec(self) -> PyResult<ControlSpec> {
        let datatype = parse_datatype(&self.name, &self.datatype)?;
        let kind = match self.kind {
            KindForm::Start => ControlKind::Start,
            KindForm::End => ControlKind::End,
            KindForm::Ready => ControlKind::Ready,
            KindForm::Corrid => ControlKind::CorrelationId,
        };
        let (no, yes) = self.false_true.unwrap_or_default();
        let values = match (kind, encode(datatype, no), encode(datatype, yes)) {
            (ControlKind::CorrelationId, ..) => [Bytes::new(), Bytes::new()],
            (_, Some(no), Some(yes)) => [no, yes],
            _ => {
                let message = format!("control input '{}' cannot be {datatype}", self.name);
                return Err(PyValueError::new_err(message));
            }
        };
        Ok(ControlSpec { name: self.name, datatype, kind, values })
    }
}

impl StateForm {
    fn into_spec(self) -> PyResult<StateSpec> {
        let datatype = parse_datatype(&self.input, &self.datatype)?;
        let initial = self.initial.as_deref().map(|text| decode_hex(&self.input, text)).transpose()?;
        Ok(StateSpec {
            input: describe(self.input, datatype, &self.dims),
            output: describe(self.output, datatype, &self.dims),
            initial_dims: Shape::from_vec(self.initial_dims),
            initial,
        })
    }
}

fn describe(name: String, datatype: DataType, dims: &[i64]) -> TensorSpec {
    TensorSpec {
        name,
        datatype,
        dims: Shape::from_slice(dims),
        reshape: None,
        optional: false,
        ragged: false,
        labels: Arc::new([]),
    }
}

fn encode(datatype: DataType, value: f64) -> Option<Bytes> {
    match datatype {
        DataType::Int32 => Some(Bytes::copy_from_slice(&(value as i32).to_le_bytes())),
        DataType::Fp32 => Some(Bytes::copy_from_slice(&(value as f32).to_le_bytes())),
        DataType::Bool => Some(Bytes::copy_from_slice(&[u8::from(value != 0.0)])),
        _ => None,
    }
}

fn parse_datatype(tensor: &str, name: &str) -> PyResult<DataType> {
    DataType::parse(name)
        .ok_or_else(|| PyValueError::new_err(format!("tensor '{tensor}': unknown datatype '{name}'")))
}

fn decode_hex(state: &str, text: &str) -> PyResult<Bytes> {
    let wrong = || PyValueError::new_err(format!("state '{state}': the initial value is not written in hex"));
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return Err(wrong());
    }
    let digit = |character: u8| char::from(character).to_digit(16);
    let byte = |pair: &[u8; 2]| Some((digit(pair[0])? << 4 | digit(pair[1])?) as u8);
    pairs.iter().map(byte).collect::<Option<Vec<u8>>>().map(Bytes::from).ok_or_else(wrong)
}
