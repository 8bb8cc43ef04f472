//! Typed tensor contents, protobuf's own numbers, to the bytes that models take.

use bytes::Bytes;
use trilith_core::tensor::{element_count, format_shape};
use trilith_core::{DataType, Error, Payload, Result, bytes_tensor};

use super::protocol::inference::InferTensorContents;

/// The bytes of a tensor whose elements came as numbers.
///
/// `place` says where, for the messages: `input 'A' of model 'm'`.
pub(super) fn encode(
    contents: &InferTensorContents,
    datatype: DataType,
    shape: &[i64],
    place: &str,
) -> Result<Payload> {
    refuse_other_lists(contents, datatype, place)?;
    let bytes = match datatype {
        DataType::Bool => contents.bool_contents.iter().map(|value| u8::from(*value)).collect(),
        DataType::Int8 => narrow(&contents.int_contents, i8::to_le_bytes, datatype, place)?,
        DataType::Int16 => narrow(&contents.int_contents, i16::to_le_bytes, datatype, place)?,
        DataType::Int32 => flatten(&contents.int_contents, i32::to_le_bytes),
        DataType::Int64 => flatten(&contents.int64_contents, i64::to_le_bytes),
        DataType::Uint8 => narrow(&contents.uint_contents, u8::to_le_bytes, datatype, place)?,
        DataType::Uint16 => narrow(&contents.uint_contents, u16::to_le_bytes, datatype, place)?,
        DataType::Uint32 => flatten(&contents.uint_contents, u32::to_le_bytes),
        DataType::Uint64 => flatten(&contents.uint64_contents, u64::to_le_bytes),
        DataType::Fp32 => flatten(&contents.fp32_contents, f32::to_le_bytes),
        DataType::Fp64 => flatten(&contents.fp64_contents, f64::to_le_bytes),
        DataType::Bytes => join(&contents.bytes_contents)?,
        DataType::Fp16 | DataType::Bf16 => {
            return Err(Error::invalid(format!("{place}: protobuf has no numbers of type {datatype}"))
                .with_hint("send it in raw_input_contents"));
        }
    };
    check_count(contents, datatype, shape, place)?;
    Ok(Payload::from(bytes))
}

fn flatten<T: Copy, const WIDTH: usize>(values: &[T], to_bytes: fn(T) -> [u8; WIDTH]) -> Vec<u8> {
    values.iter().flat_map(|value| to_bytes(*value)).collect()
}

/// Values that protobuf carries in 32 bits, in the fewer bits of their datatype.
fn narrow<Wide, Narrow, const WIDTH: usize>(
    values: &[Wide],
    to_bytes: fn(Narrow) -> [u8; WIDTH],
    datatype: DataType,
    place: &str,
) -> Result<Vec<u8>>
where
    Wide: Copy + std::fmt::Display + TryInto<Narrow>,
{
    let mut bytes = Vec::with_capacity(values.len() * WIDTH);
    for (index, value) in values.iter().enumerate() {
        let Ok(narrow) = (*value).try_into() else {
            return Err(Error::invalid(format!(
                "{place}: element {index} is {value}, which {datatype} cannot hold"
            )));
        };
        bytes.extend_from_slice(&to_bytes(narrow));
    }
    Ok(bytes)
}

fn join(elements: &[Bytes]) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(elements.iter().map(|element| element.len() + 4).sum());
    elements.iter().try_for_each(|element| bytes_tensor::push(&mut bytes, element))?;
    Ok(bytes)
}

/// Each list's name and length.
fn lists(contents: &InferTensorContents) -> [(&'static str, usize); 8] {
    [
        ("bool_contents", contents.bool_contents.len()),
        ("int_contents", contents.int_contents.len()),
        ("int64_contents", contents.int64_contents.len()),
        ("uint_contents", contents.uint_contents.len()),
        ("uint64_contents", contents.uint64_contents.len()),
        ("fp32_contents", contents.fp32_contents.len()),
        ("fp64_contents", contents.fp64_contents.len()),
        ("bytes_contents", contents.bytes_contents.len()),
    ]
}

/// Name of the list that belongs to a datatype; empty where protobuf has none.
fn list_of(datatype: DataType) -> &'static str {
    match datatype {
        DataType::Bool => "bool_contents",
        DataType::Int8 | DataType::Int16 | DataType::Int32 => "int_contents",
        DataType::Int64 => "int64_contents",
        DataType::Uint8 | DataType::Uint16 | DataType::Uint32 => "uint_contents",
        DataType::Uint64 => "uint64_contents",
        DataType::Fp32 => "fp32_contents",
        DataType::Fp64 => "fp64_contents",
        DataType::Bytes => "bytes_contents",
        DataType::Fp16 | DataType::Bf16 => "",
    }
}

fn refuse_other_lists(contents: &InferTensorContents, datatype: DataType, place: &str) -> Result<()> {
    let own = list_of(datatype);
    match lists(contents).iter().find(|(name, length)| *name != own && *length > 0) {
        Some((name, _)) if !own.is_empty() => {
            Err(Error::invalid(format!("{place}: its datatype {datatype} takes {own}, {name} was given")))
        }
        _ => Ok(()),
    }
}

fn check_count(contents: &InferTensorContents, datatype: DataType, shape: &[i64], place: &str) -> Result<()> {
    let own = list_of(datatype);
    let given = lists(contents).iter().find(|(name, _)| *name == own).map_or(0, |(_, length)| *length);
    match element_count(shape) {
        Some(expected) if expected != given => Err(Error::invalid(format!(
            "{place}: shape {} takes {expected} elements, {given} were given in {own}",
            format_shape(shape)
        ))),
        // A shape that cannot be is refused with all others of its kind, by the engine.
        _ => Ok(()),
    }
}
