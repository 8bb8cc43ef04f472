//! From `ModelInferRequest` to the request that the engine takes.

use trilith_core::request::flags;
use trilith_core::tensor::element_count;
use trilith_core::{
    Code, CorrelationId, DataType, Error, Fault, Parameter, Parameters, Request, RequestedOutput, Result,
    Tensor,
};

use super::contents;
use super::draft::{Draft, DraftInput, DraftOutput};
use super::pieces::Pieces;

/// The one parameter with the reserved prefix that clients may set.
const EMPTY_FINAL_RESPONSE: &str = "triton_enable_empty_final_response";

/// A request for the engine, and what the endpoint itself has to know of it.
#[derive(Debug)]
pub(super) struct Converted {
    /// For the engine.
    pub(super) request: Request,
    /// Whether a decoupled model's end is to be told by an empty response.
    pub(super) wants_empty_final: bool,
}

/// Makes a request of what the fields say.
pub(super) fn convert(mut draft: Draft) -> Result<Converted> {
    let version = parse_version(&draft.version)?;
    let mut converted =
        Converted { request: Request { version, ..Request::default() }, wants_empty_final: false };
    apply_parameters(&mut converted, std::mem::take(&mut draft.parameters))?;
    let request = &mut converted.request;
    request.inputs = convert_inputs(&draft.model, draft.inputs, draft.raw)?;
    request.outputs = draft
        .outputs
        .into_iter()
        .map(|output| convert_output(&draft.model, output))
        .collect::<Result<_>>()?;
    request.model = draft.model;
    request.id = draft.id;
    Ok(converted)
}

/// The version that a client wrote; `None` for the empty text, which leaves the choice to the version policy.
pub(super) fn parse_version(text: &str) -> Result<Option<i64>> {
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse() {
        Ok(version) if version >= 0 => Ok(Some(version)),
        _ => Err(Error::invalid(format!(
            "model version '{text}' is not a whole number from 0 up; give a version such as '1', or none for the default"
        ))),
    }
}

/// Takes out the parameters that mean something to the server; the rest rides along to the model.
fn apply_parameters(converted: &mut Converted, parameters: Vec<(String, Parameter)>) -> Result<()> {
    let request = &mut converted.request;
    let mut rest = Parameters::new();
    for (name, value) in parameters {
        match name.as_str() {
            "sequence_id" => request.correlation_id = correlation_id(value)?,
            "sequence_start" if boolean(&name, &value)? => request.flags |= flags::SEQUENCE_START,
            "sequence_end" if boolean(&name, &value)? => request.flags |= flags::SEQUENCE_END,
            "sequence_start" | "sequence_end" => {}
            "priority" => request.priority = unsigned(&name, &value)?,
            "timeout" => request.timeout_microseconds = unsigned(&name, &value)?,
            EMPTY_FINAL_RESPONSE => converted.wants_empty_final = boolean(&name, &value)?,
            _ if name.starts_with("triton_") => {
                return Err(Error::invalid(format!(
                    "parameter '{name}' has the reserved prefix 'triton_'; only '{EMPTY_FINAL_RESPONSE}' may be set"
                )));
            }
            _ => rest.insert(name, value),
        }
    }
    request.parameters = rest;
    Ok(())
}

fn correlation_id(value: Parameter) -> Result<CorrelationId> {
    match value {
        Parameter::Int(number) => Ok(CorrelationId::Number(number as u64)),
        Parameter::Uint(number) => Ok(CorrelationId::Number(number)),
        Parameter::String(text) => Ok(CorrelationId::Text(text)),
        other => Err(wrong_kind("sequence_id", "int64_param, uint64_param or string_param", &other)),
    }
}

fn boolean(name: &str, value: &Parameter) -> Result<bool> {
    match value {
        Parameter::Bool(value) => Ok(*value),
        other => Err(wrong_kind(name, "bool_param", other)),
    }
}

fn unsigned(name: &str, value: &Parameter) -> Result<u64> {
    let number = match value {
        Parameter::Uint(number) => Some(*number),
        Parameter::Int(number) => u64::try_from(*number).ok(),
        other => return Err(wrong_kind(name, "int64_param or uint64_param", other)),
    };
    number
        .ok_or_else(|| Error::invalid(format!("parameter '{name}' must not be negative, {value} was given")))
}

fn wrong_kind(name: &str, expected: &str, given: &Parameter) -> Error {
    let kind = match given {
        Parameter::Bool(_) => "bool_param",
        Parameter::Int(_) => "int64_param",
        Parameter::Uint(_) => "uint64_param",
        Parameter::Double(_) => "double_param",
        Parameter::String(_) => "string_param",
    };
    Error::invalid(format!("parameter '{name}' takes {expected}, {kind} was given"))
}

fn convert_inputs(model: &str, inputs: Vec<DraftInput>, raw: Vec<Pieces>) -> Result<Vec<Tensor>> {
    if raw.is_empty() {
        return inputs.into_iter().map(|input| convert_input(model, input, None)).collect();
    }
    if raw.len() != inputs.len() {
        return Err(Error::invalid(format!(
            "the request for model '{model}' has {} inputs and {} entries in raw_input_contents; give one entry per \
             input, in the same order",
            inputs.len(),
            raw.len()
        )));
    }
    inputs.into_iter().zip(raw).map(|(input, raw)| convert_input(model, input, Some(raw))).collect()
}

fn convert_input(model: &str, input: DraftInput, raw: Option<Pieces>) -> Result<Tensor> {
    let place = format!("input '{}' of model '{model}'", input.name);
    refuse_shared_memory(&place, &input.parameters)?;
    let Some(datatype) = DataType::parse(&input.datatype) else {
        let known = DataType::ALL.map(DataType::name).join(", ");
        return Err(Error::invalid(format!("{place}: '{}' is not a datatype", input.datatype))
            .with_hint(format!("the datatypes are {known}")));
    };
    let payload = match (raw, &input.contents) {
        (Some(raw), None) => raw.into(),
        (None, Some(given)) => contents::encode(given, datatype, &input.shape, &place)?,
        (Some(_), Some(_)) => {
            return Err(Error::invalid(format!(
                "{place} has contents while the request has raw_input_contents; use one or the other"
            )));
        }
        (None, None) if element_count(&input.shape) == Some(0) => trilith_core::Payload::new(),
        (None, None) => {
            return Err(Error::invalid(format!(
                "{place} has no data; give it in raw_input_contents or in its contents"
            )));
        }
    };
    Ok(Tensor { name: input.name, datatype, shape: input.shape, payload, parameters: input.parameters })
}

fn convert_output(model: &str, mut output: DraftOutput) -> Result<RequestedOutput> {
    let place = format!("output '{}' of model '{model}'", output.name);
    refuse_shared_memory(&place, &output.parameters)?;
    let classification = match output.parameters.remove("classification") {
        None => 0,
        Some(value) => unsigned("classification", &value)
            .ok()
            .and_then(|count| u32::try_from(count).ok())
            .filter(|count| *count > 0)
            .ok_or_else(|| {
                Error::invalid(format!(
                    "{place}: classification takes a number of classes above 0, {value} was given"
                ))
            })?,
    };
    Ok(RequestedOutput {
        name: output.name,
        classification,
        parameters: output.parameters,
        ..RequestedOutput::default()
    })
}

fn refuse_shared_memory(place: &str, parameters: &Parameters) -> Result<()> {
    if parameters.get("shared_memory_region").is_none() {
        return Ok(());
    }
    let message = format!("{place}: this server does not serve shared memory");
    Err(Error::new(Code::Unimplemented, Fault::Client, message).with_hint("send the tensor in the message"))
}
