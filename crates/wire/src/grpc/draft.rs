//! An inference request as its fields say, before it is known whether they make sense together.

use bytes::Buf;
use prost::Message;
use trilith_core::request::MAX_TENSORS;
use trilith_core::tensor::Shape;
use trilith_core::{Error, Parameter, Parameters, Result};

use super::convert_request::parse_version;
use super::fields::{Fields, Value, varint};
use super::pieces::Pieces;
use super::protocol::inference::InferTensorContents;

/// `ModelInferRequest`, field by field.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) model: String,
    pub(super) version: String,
    pub(super) id: String,
    pub(super) parameters: Vec<(String, Parameter)>,
    pub(super) inputs: Vec<DraftInput>,
    pub(super) outputs: Vec<DraftOutput>,
    pub(super) raw: Vec<Pieces>,
}

/// `ModelInferRequest.InferInputTensor`.
#[derive(Debug, Default)]
pub(super) struct DraftInput {
    pub(super) name: String,
    pub(super) datatype: String,
    pub(super) shape: Shape,
    pub(super) parameters: Parameters,
    pub(super) contents: Option<InferTensorContents>,
}

/// `ModelInferRequest.InferRequestedOutputTensor`.
#[derive(Debug, Default)]
pub(super) struct DraftOutput {
    pub(super) name: String,
    pub(super) parameters: Parameters,
}

impl Draft {
    /// Reads a serialized `ModelInferRequest`.
    pub(super) fn read(message: Pieces) -> Result<Self> {
        let mut draft = Self::default();
        let mut fields = Fields::of(message);
        let mut entries = 0;
        while let Some((field, value)) = fields.next()? {
            entries += usize::from(field >= 4);
            if entries > MAX_TENSORS {
                return Err(Error::invalid(format!(
                    "the request has more than {MAX_TENSORS} parameters, inputs and outputs"
                )));
            }
            match field {
                1 => draft.model = value.text("model_name")?,
                2 => draft.version = value.text("model_version")?,
                3 => draft.id = value.text("id")?,
                4 => draft.parameters.push(read_entry(value)?),
                5 => draft.inputs.push(DraftInput::read(value.content("inputs")?)?),
                6 => draft.outputs.push(DraftOutput::read(value.content("outputs")?)?),
                7 => draft.raw.push(value.content("raw_input_contents")?),
                _ => {}
            }
        }
        Ok(draft)
    }
}

/// The model and the version that a message names in its beginning, where clients write them; a hint, since a message
/// may name others further on.
pub(super) fn address(message: &[u8]) -> Option<(&str, Option<i64>)> {
    let (model, rest) = leading_text(message, 1)?;
    let version = match leading_text(rest, 2) {
        Some((version, _)) => parse_version(version).ok()?,
        None => None,
    };
    Some((model, version))
}

/// The text that a message begins with, if it is that field and short; and what follows.
fn leading_text(message: &[u8], field: u8) -> Option<(&str, &[u8])> {
    let ([key, length], rest) = message.split_first_chunk()?;
    if *key != field << 3 | 2 || *length > 0x7f {
        return None;
    }
    let (text, rest) = rest.split_at_checked(usize::from(*length))?;
    Some((std::str::from_utf8(text).ok()?, rest))
}

impl DraftInput {
    fn read(message: Pieces) -> Result<Self> {
        let mut input = Self::default();
        let mut fields = Fields::of(message);
        while let Some((field, value)) = fields.next()? {
            match field {
                1 => input.name = value.text("name")?,
                2 => input.datatype = value.text("datatype")?,
                3 => read_shape(&mut input.shape, value)?,
                4 => insert(&mut input.parameters, value)?,
                5 => {
                    let contents = input.contents.get_or_insert_default();
                    contents.merge(value.content("contents")?).map_err(|error| {
                        Error::invalid(format!(
                            "the contents of input '{}' cannot be read: {error}",
                            input.name
                        ))
                    })?;
                }
                _ => {}
            }
        }
        Ok(input)
    }
}

impl DraftOutput {
    fn read(message: Pieces) -> Result<Self> {
        let mut output = Self::default();
        let mut fields = Fields::of(message);
        while let Some((field, value)) = fields.next()? {
            match field {
                1 => output.name = value.text("name")?,
                2 => insert(&mut output.parameters, value)?,
                _ => {}
            }
        }
        Ok(output)
    }
}

/// Extents come packed in one field or one by one.
fn read_shape(shape: &mut Shape, value: Value) -> Result<()> {
    match value {
        Value::Content(mut packed) => {
            while packed.has_remaining() {
                shape.push(varint(&mut packed)? as i64);
            }
        }
        single => shape.push(single.integer("shape")? as i64),
    }
    Ok(())
}

fn insert(parameters: &mut Parameters, entry: Value) -> Result<()> {
    let (name, value) = read_entry(entry)?;
    parameters.accept(name, value)
}

/// Reads one entry of a `map<string, InferParameter>`.
fn read_entry(entry: Value) -> Result<(String, Parameter)> {
    let mut name = String::new();
    let mut choice = None;
    let mut fields = Fields::of(entry.content("parameters")?);
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => name = value.text("key")?,
            2 => choice = read_parameter(value.content("value")?)?,
            _ => {}
        }
    }
    match choice {
        Some(choice) => Ok((name, choice)),
        None => Err(Error::invalid(format!("parameter '{name}' has no value"))),
    }
}

fn read_parameter(message: Pieces) -> Result<Option<Parameter>> {
    let mut choice = None;
    let mut fields = Fields::of(message);
    while let Some((field, value)) = fields.next()? {
        choice = match (field, value) {
            (1, value) => Some(Parameter::Bool(value.integer("bool_param")? != 0)),
            (2, value) => Some(Parameter::Int(value.integer("int64_param")? as i64)),
            (3, value) => Some(Parameter::String(value.text("string_param")?)),
            (4, Value::Fixed64(bits)) => Some(Parameter::Double(f64::from_bits(bits))),
            (5, value) => Some(Parameter::Uint(value.integer("uint64_param")?)),
            _ => choice,
        };
    }
    Ok(choice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_what_a_message_begins_with() {
        let named = |message: &'static [u8]| address(message);
        assert_eq!(named(b"\x0a\x01m"), Some(("m", None)));
        assert_eq!(named(b"\x0a\x01m\x12\x012\x1a\x02id"), Some(("m", Some(2))));
        assert_eq!(named(b"\x0a\x01m\x1a\x02id"), Some(("m", None)));
    }

    #[test]
    fn what_begins_otherwise_or_is_cut_short_has_none() {
        let messages: [&[u8]; 6] = [
            b"\x0a\x01m\x12\x01x",
            b"\x12\x012\x0a\x01m",
            b"\x0a\x05m",
            b"\x0a\x80\x01",
            b"\x0a\x01\xff",
            b"",
        ];
        for message in messages {
            assert_eq!(address(message), None, "{message:?}");
        }
    }
}
