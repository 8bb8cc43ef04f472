//! From the engine's response to the bytes of `ModelInferResponse` and `ModelStreamInferResponse`.
//!
//! Written by hand so that a large output goes out from where the model left it.

use bytes::{BufMut, Bytes, BytesMut};
use trilith_core::{Parameter, Parameters, Payload, Response, Tensor};

use super::fields::{put_content, put_head, put_varint, varint_length};
use super::frame::{self, PREFIX_LENGTH};
use super::pieces::Pieces;

/// Messages up to this size are copied into one piece: one small copy costs less than another frame on the wire.
const ONE_PIECE: usize = 16 << 10;

/// A framed `ModelInferResponse`.
pub(super) fn unary(response: &Response) -> Pieces {
    assemble(&[], &head(response), &response.outputs)
}

/// A framed `ModelStreamInferResponse` that holds a response.
pub(super) fn streamed(response: &Response) -> Pieces {
    let head = head(response);
    let mut envelope = Vec::with_capacity(16);
    put_head(&mut envelope, 2, head.len() + raw_length(&response.outputs));
    assemble(&envelope, &head, &response.outputs)
}

/// A framed `ModelStreamInferResponse` that tells of a failure; `response` says whose.
pub(super) fn streamed_error(message: &str, response: &Response) -> Pieces {
    let head = head(response);
    let mut envelope = Vec::with_capacity(message.len() + 32);
    put_content(&mut envelope, 1, message.as_bytes());
    put_head(&mut envelope, 2, head.len());
    assemble(&envelope, &head, &[])
}

/// Puts the frame's prefix, what encloses the response, the response and its raw contents one behind the other.
fn assemble(envelope: &[u8], head: &[u8], outputs: &[Tensor]) -> Pieces {
    let length = envelope.len() + head.len() + raw_length(outputs);
    let small = length <= ONE_PIECE;
    let capacity = if small { length } else { envelope.len() + head.len() };
    let mut buffer = BytesMut::with_capacity(PREFIX_LENGTH + capacity + 16);
    frame::put_prefix(&mut buffer, false, length);
    buffer.put_slice(envelope);
    buffer.put_slice(head);
    let mut pieces = Pieces::default();
    for output in outputs {
        put_head(&mut buffer, 6, output.payload.len());
        if small {
            output.payload.pieces().iter().for_each(|piece| buffer.put_slice(piece));
        } else {
            pieces.push(buffer.split().freeze());
            output.payload.pieces().iter().cloned().for_each(|piece| pieces.push(piece));
        }
    }
    pieces.push(buffer.freeze());
    pieces
}

fn raw_length(outputs: &[Tensor]) -> usize {
    let field = |payload: &Payload| 1 + varint_length(payload.len() as u64) + payload.len();
    outputs.iter().map(|output| field(&output.payload)).sum()
}

/// Everything of a `ModelInferResponse` but the raw contents.
fn head(response: &Response) -> Vec<u8> {
    let mut target = Vec::with_capacity(128);
    put_content(&mut target, 1, response.model.as_bytes());
    if response.version > 0 {
        put_content(&mut target, 2, response.version.to_string().as_bytes());
    }
    put_content(&mut target, 3, response.id.as_bytes());
    let mut scratch = Vec::with_capacity(64);
    put_parameters(&mut target, &mut scratch, &response.parameters);
    for output in &response.outputs {
        let message = output_head(output);
        put_head(&mut target, 5, message.len());
        target.extend_from_slice(&message);
    }
    target
}

/// `ModelInferResponse.InferOutputTensor` without contents.
fn output_head(output: &Tensor) -> Vec<u8> {
    let mut target = Vec::with_capacity(64);
    put_content(&mut target, 1, output.name.as_bytes());
    put_content(&mut target, 2, output.datatype.name().as_bytes());
    if !output.shape.is_empty() {
        put_head(&mut target, 3, output.shape.iter().map(|extent| varint_length(*extent as u64)).sum());
        output.shape.iter().for_each(|extent| put_varint(&mut target, *extent as u64));
    }
    put_parameters(&mut target, &mut Vec::new(), &output.parameters);
    target
}

/// Writes a `map<string, InferParameter>` as field 4, where all messages with parameters have it.
fn put_parameters(target: &mut Vec<u8>, scratch: &mut Vec<u8>, parameters: &Parameters) {
    for (name, value) in parameters.iter() {
        let mut choice = Vec::with_capacity(16);
        put_parameter(&mut choice, value);
        scratch.clear();
        put_content(scratch, 1, name.as_bytes());
        put_head(scratch, 2, choice.len());
        scratch.extend_from_slice(&choice);
        put_head(target, 4, scratch.len());
        target.extend_from_slice(scratch);
    }
}

/// Writes an `InferParameter`. Members of a oneof are written even where they hold their default.
fn put_parameter(target: &mut Vec<u8>, value: &Parameter) {
    match value {
        Parameter::Bool(value) => target.extend_from_slice(&[1 << 3, u8::from(*value)]),
        Parameter::Int(value) => {
            target.push(2 << 3);
            put_varint(target, *value as u64);
        }
        Parameter::String(value) => {
            put_head(target, 3, value.len());
            target.extend_from_slice(value.as_bytes());
        }
        Parameter::Double(value) => {
            target.push(4 << 3 | 1);
            target.extend_from_slice(&value.to_le_bytes());
        }
        Parameter::Uint(value) => {
            target.push(5 << 3);
            put_varint(target, *value);
        }
    }
}

/// A framed message of any other kind.
pub(super) fn framed(message: &impl prost::Message) -> Pieces {
    let length = message.encoded_len();
    let mut buffer = BytesMut::with_capacity(PREFIX_LENGTH + length);
    frame::put_prefix(&mut buffer, false, length);
    message.encode_raw(&mut buffer);
    Pieces::from(Bytes::from(buffer))
}
