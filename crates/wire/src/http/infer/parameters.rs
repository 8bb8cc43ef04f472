//! Values that ride along: with the request, with an input, with an output.

use std::borrow::Cow;

use jiter::{NumberAny, NumberInt, Peek};
use trilith_core::request::flags;
use trilith_core::{CorrelationId, Delivery, Error, Parameter, Parameters, Request, RequestedOutput, Result};

use super::reader::{Reader, is_out_of_range, parse};

/// Reads the request's parameters; whether outputs that are not listed go out in binary.
pub(super) fn read_of_request(reader: &mut Reader<'_>, request: &mut Request) -> Result<bool> {
    let mut is_binary = false;
    let mut member = reader.open_object("'parameters'")?;
    while let Some(name) = member {
        match &*name {
            "binary_data_output" => is_binary = reader.boolean("parameter 'binary_data_output'")?,
            "sequence_id" => request.correlation_id = correlation_id(reader)?,
            "sequence_start" => set_flag(reader, request, flags::SEQUENCE_START, &name)?,
            "sequence_end" => set_flag(reader, request, flags::SEQUENCE_END, &name)?,
            "priority" => request.priority = reader.unsigned("parameter 'priority'")?,
            "timeout" => request.timeout_microseconds = reader.unsigned("parameter 'timeout'")?,
            _ => {
                refuse_reserved(&name)?;
                keep(reader, &mut request.parameters, name)?;
            }
        }
        member = reader.next_member()?;
    }
    Ok(is_binary)
}

/// Reads an input's parameters; the bytes that it has behind the header, if it travels there.
pub(super) fn read_of_input(reader: &mut Reader<'_>, parameters: &mut Parameters) -> Result<Option<u64>> {
    let mut size = None;
    let mut member = reader.open_object("'parameters'")?;
    while let Some(name) = member {
        match &*name {
            "binary_data_size" => size = Some(reader.unsigned("parameter 'binary_data_size'")?),
            _ => keep(reader, parameters, name)?,
        }
        member = reader.next_member()?;
    }
    Ok(size)
}

/// Reads a requested output's parameters.
pub(super) fn read_of_output(reader: &mut Reader<'_>, output: &mut RequestedOutput) -> Result<()> {
    let mut member = reader.open_object("'parameters'")?;
    while let Some(name) = member {
        match &*name {
            "binary_data" => {
                let is_binary = reader.boolean("parameter 'binary_data'")?;
                output.delivery = if is_binary { Delivery::Binary } else { Delivery::Json };
            }
            "classification" => {
                let classes = reader.unsigned("parameter 'classification'")?;
                // More classes than a u32 counts are all there are.
                output.classification = u32::try_from(classes).unwrap_or(u32::MAX);
            }
            _ => keep(reader, &mut output.parameters, name)?,
        }
        member = reader.next_member()?;
    }
    Ok(())
}

/// Reads a parameter of a name that the client chose.
pub(in crate::http) fn read_free(reader: &mut Reader<'_>, name: &str) -> Result<Parameter> {
    refuse_reserved(name)?;
    value(reader, name)
}

fn refuse_reserved(name: &str) -> Result<()> {
    if !name.starts_with("triton_") {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "parameter '{name}': names that start with 'triton_' are reserved for the server"
    )))
}

fn keep(reader: &mut Reader<'_>, parameters: &mut Parameters, name: Cow<'static, str>) -> Result<()> {
    let value = value(reader, &name)?;
    parameters.accept(name, value)
}

fn set_flag(reader: &mut Reader<'_>, request: &mut Request, flag: u32, name: &str) -> Result<()> {
    if reader.boolean(name)? {
        request.flags |= flag;
    } else {
        request.flags &= !flag;
    }
    Ok(())
}

fn correlation_id(reader: &mut Reader<'_>) -> Result<CorrelationId> {
    const WHAT: &str = "parameter 'sequence_id'";
    if reader.peek(WHAT)? == Peek::String {
        return reader.string(WHAT).map(CorrelationId::Text);
    }
    reader.unsigned(WHAT).map(CorrelationId::Number)
}

fn value(reader: &mut Reader<'_>, name: &str) -> Result<Parameter> {
    let what = || format!("parameter '{name}'");
    let peek = reader.peek("a parameter")?;
    match peek {
        Peek::String => reader.string("a parameter").map(Parameter::String),
        Peek::True | Peek::False => reader.boolean("a parameter").map(Parameter::Bool),
        _ if peek.is_num() => number(reader, peek).map_err(|cause| reader.refuse(&cause, &what())),
        _ => Err(Error::invalid(format!("{} must be a number, a string, true or false", what()))),
    }
}

fn number(reader: &mut Reader<'_>, peek: Peek) -> Result<Parameter, jiter::JiterError> {
    match reader.jiter.known_number(peek) {
        Ok(NumberAny::Int(NumberInt::Int(value))) => Ok(Parameter::Int(value)),
        Ok(NumberAny::Float(value)) => Ok(Parameter::Double(value)),
        Err(cause) if is_out_of_range(&cause) => {
            let digits = reader.jiter.known_number_bytes(peek)?;
            Ok(parse(digits)
                .map_or_else(|| Parameter::Double(parse(digits).unwrap_or(f64::NAN)), Parameter::Uint))
        }
        Err(cause) => Err(cause),
    }
}
