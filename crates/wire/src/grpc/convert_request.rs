//! From `ModelInferRequest` to the request that the engine takes.

use trilith_core::request::flags;
use trilith_core::tensor::element_count;
use trilith_core::{
    CorrelationId, DataType, Error, Parameter, Parameters, Payload, Request, RequestedOutput, Result, Tensor,
};

use super::contents;
use super::draft::{Draft, DraftInput, DraftOutput};
use super::pieces::Pieces;
use crate::shared_memory::{Reference, References};

/// The one parameter with the reserved prefix that clients may set.
const EMPTY_FINAL_RESPONSE: &str = "triton_enable_empty_final_response";

/// A request for the engine, and what the endpoint itself has to know of it.
#[derive(Debug)]
pub(super) struct Converted {
    /// For the engine.
    pub(super) request: Request,
    /// Whether a decoupled model's end is to be told by an empty response.
    pub(super) wants_empty_final: bool,
    /// Its tensors that lie in shared memory, of which the inputs have no content yet.
    pub(super) references: References,
}

/// Makes a request of what the fields say.
pub(super) fn convert(mut draft: Draft) -> Result<Converted> {
    let version = parse_version(&draft.version)?;
    let mut converted = Converted {
        request: Request { version, ..Request::default() },
        wants_empty_final: false,
        references: References::default(),
    };
    apply_parameters(&mut converted, std::mem::take(&mut draft.parameters))?;
    let Converted { request, references, .. } = &mut converted;
    request.inputs = convert_inputs(&draft.model, draft.inputs, draft.raw, references)?;
    request.outputs = draft
        .outputs
        .into_iter()
        .map(|output| convert_output(&draft.model, output, references))
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

fn convert_inputs(
    model: &str,
    mut inputs: Vec<DraftInput>,
    raw: Vec<Pieces>,
    references: &mut References,
) -> Result<Vec<Tensor>> {
    for (position, input) in inputs.iter_mut().enumerate() {
        let reference = Reference::take(&mut input.parameters);
        if let Some(reference) = reference.map_err(|error| in_place("input", &input.name, model, error))? {
            references.inputs.push((position, reference));
        }
    }
    let is_raw = !raw.is_empty();
    let sent = inputs.len() - references.inputs.len();
    if is_raw && raw.len() != sent {
        let outside = if references.inputs.is_empty() { "" } else { " outside shared memory" };
        return Err(Error::invalid(format!(
            "the request for model '{model}' has {sent} inputs{outside} and {} entries in raw_input_contents; give \
             one entry per input, in the same order",
            raw.len()
        )));
    }
    let mut raw = raw.into_iter();
    let mut placed = references.inputs.iter().map(|(position, _)| *position).peekable();
    let convert = |(position, input): (usize, DraftInput)| {
        let place = format!("input '{}' of model '{model}'", input.name);
        let datatype = datatype_of(&place, &input)?;
        let payload = if placed.next_if_eq(&position).is_some() {
            placed_payload(&place, &input)?
        } else {
            sent_payload(&place, &input, datatype, raw.next())?
        };
        let DraftInput { name, shape, parameters, .. } = input;
        Ok(Tensor { name, datatype, shape, payload, parameters })
    };
    inputs.into_iter().enumerate().map(convert).collect()
}

/// The content of a tensor in shared memory is read later; here there is none.
fn placed_payload(place: &str, input: &DraftInput) -> Result<Payload> {
    if input.contents.is_none() {
        return Ok(Payload::new());
    }
    Err(Error::invalid(format!("{place} has contents and 'shared_memory_region'; use one or the other")))
}

/// Where the bytes of a tensor are that came with the request.
fn sent_payload(place: &str, input: &DraftInput, datatype: DataType, raw: Option<Pieces>) -> Result<Payload> {
    match (raw, &input.contents) {
        (Some(raw), None) => Ok(raw.into()),
        (None, Some(given)) => contents::encode(given, datatype, &input.shape, place),
        (Some(_), Some(_)) => Err(Error::invalid(format!(
            "{place} has contents while the request has raw_input_contents; use one or the other"
        ))),
        (None, None) if element_count(&input.shape) == Some(0) => Ok(Payload::new()),
        (None, None) => Err(Error::invalid(format!(
            "{place} has no data; give it in raw_input_contents or in its contents"
        ))),
    }
}

fn datatype_of(place: &str, input: &DraftInput) -> Result<DataType> {
    DataType::parse(&input.datatype).ok_or_else(|| {
        let known = DataType::ALL.map(DataType::name).join(", ");
        Error::invalid(format!("{place}: '{}' is not a datatype", input.datatype))
            .with_hint(format!("the datatypes are {known}"))
    })
}

fn convert_output(model: &str, output: DraftOutput, references: &mut References) -> Result<RequestedOutput> {
    let mut converted =
        RequestedOutput { name: output.name, parameters: output.parameters, ..RequestedOutput::default() };
    if let Some(value) = converted.parameters.remove("classification") {
        let count = unsigned("classification", &value).ok().and_then(|count| u32::try_from(count).ok());
        converted.classification = count.filter(|count| *count > 0).ok_or_else(|| {
            let problem = format!("classification takes a number of classes above 0, {value} was given");
            in_place("output", &converted.name, model, Error::invalid(problem))
        })?;
    }
    match references.add_output(&mut converted) {
        Ok(()) => Ok(converted),
        Err(error) => Err(in_place("output", &converted.name, model, error)),
    }
}

fn in_place(kind: &str, name: &str, model: &str, mut error: Error) -> Error {
    error.message = format!("{kind} '{name}' of model '{model}': {}", error.message).into();
    error
}
