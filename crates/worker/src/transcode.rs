//! Requests and responses to and from messages.

use std::io;

use bytes::Bytes;
use trilith_core::tensor::Shape;
use trilith_core::{
    Code, CorrelationId, DataType, Error, Fault, Flow, Parameter, Parameters, Payload, Request,
    RequestedOutput, Response, Result, Tensor,
};

use crate::arena::{Inbox, Outbox};
use crate::message::{
    AnswerMessage, CorrelationMessage, ParameterMessage, Place, RequestMessage, TensorMessage,
};
use crate::trace;

/// Tensors up to this size travel inside the message: below it, copying through the socket costs less than managing
/// a range of shared memory.
const INLINE_LARGEST: usize = 8 << 10;

/// Tensors whose pieces had to be joined to travel inside a message; they must outlive it.
pub type Joined = Vec<Bytes>;

/// What became of a request.
#[derive(Debug)]
pub enum Returned {
    /// It was answered.
    Answered(Result<Response>),
    /// The model hands it back to be run again.
    HandedBack,
}

impl Returned {
    /// The response, if it is one.
    pub fn response(&self) -> Option<&Response> {
        match self {
            Self::Answered(Ok(response)) => Some(response),
            Self::Answered(Err(_)) | Self::HandedBack => None,
        }
    }
}

/// Joins what lies in several pieces and is small enough to travel inside a message.
pub fn join<'a>(tensors: impl Iterator<Item = &'a Tensor>) -> Joined {
    tensors
        .filter(|tensor| !tensor.payload.is_contiguous() && tensor.payload.len() <= INLINE_LARGEST)
        .map(|tensor| tensor.payload.to_bytes())
        .collect()
}

/// A request as a message; large inputs are written to the outbox. `joined` is the result of [`join`] over the inputs
/// of all requests of the message, from which this takes what belongs to it.
pub fn encode_request<'a>(
    request: &'a Request,
    joined: &mut std::slice::Iter<'a, Bytes>,
    outbox: &mut Outbox,
) -> io::Result<RequestMessage<'a>> {
    Ok(RequestMessage {
        id: &request.id,
        correlation: match &request.correlation_id {
            CorrelationId::Number(number) => CorrelationMessage::Number(*number),
            CorrelationId::Text(text) => CorrelationMessage::Text(text),
        },
        flags: request.flags,
        priority: request.priority,
        timeout: request.timeout_microseconds,
        parameters: encode_parameters(&request.parameters),
        inputs: encode_tensors(&request.inputs, joined, outbox)?,
        is_bounded: request.flow.is_some(),
        trace: trace::encode(request.trace.as_ref()),
        outputs: request.outputs.iter().map(|output| output.name.as_str()).collect(),
    })
}

/// A request from a message; `frame` is the message's own memory, which small inputs go on sharing.
pub fn decode_request(message: RequestMessage<'_>, frame: &Bytes, inbox: &Inbox) -> io::Result<Request> {
    Ok(Request {
        id: message.id.to_owned(),
        parameters: decode_parameters(message.parameters),
        inputs: decode_tensors(message.inputs, frame, inbox)?,
        outputs: message
            .outputs
            .into_iter()
            .map(|name| RequestedOutput { name: name.to_owned(), ..RequestedOutput::default() })
            .collect(),
        correlation_id: match message.correlation {
            CorrelationMessage::Number(number) => CorrelationId::Number(number),
            CorrelationMessage::Text(text) => CorrelationId::Text(text.to_owned()),
        },
        flags: message.flags,
        priority: message.priority,
        timeout_microseconds: message.timeout,
        flow: message.is_bounded.then(Flow::new),
        trace: trace::decode(message.trace),
        ..Request::default()
    })
}

/// What became of a request as a message; large outputs are written to the outbox.
pub fn encode_returned<'a>(
    returned: &'a Returned,
    joined: &mut std::slice::Iter<'a, Bytes>,
    outbox: &mut Outbox,
) -> io::Result<AnswerMessage<'a>> {
    match returned {
        Returned::Answered(answer) => encode_answer(answer, joined, outbox),
        Returned::HandedBack => Ok(AnswerMessage::HandedBack),
    }
}

/// An answer as a message; large outputs are written to the outbox.
pub fn encode_answer<'a>(
    answer: &'a Result<Response>,
    joined: &mut std::slice::Iter<'a, Bytes>,
    outbox: &mut Outbox,
) -> io::Result<AnswerMessage<'a>> {
    Ok(match answer {
        Ok(response) => AnswerMessage::Outputs(
            encode_tensors(&response.outputs, joined, outbox)?,
            encode_parameters(&response.parameters),
        ),
        Err(error) => AnswerMessage::Failed {
            refused: error.fault == Fault::Client,
            code: error.code.name(),
            message: &error.message,
        },
    })
}

/// What became of a request, from a message.
pub fn decode_returned(message: AnswerMessage<'_>, frame: &Bytes, inbox: &Inbox) -> io::Result<Returned> {
    match message {
        AnswerMessage::HandedBack => Ok(Returned::HandedBack),
        answer => decode_answer(answer, frame, inbox).map(Returned::Answered),
    }
}

/// An answer from a message.
pub fn decode_answer(
    message: AnswerMessage<'_>,
    frame: &Bytes,
    inbox: &Inbox,
) -> io::Result<Result<Response>> {
    Ok(match message {
        AnswerMessage::HandedBack => {
            let what = "a request was handed back to a caller who cannot run it";
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        AnswerMessage::Outputs(outputs, parameters) => Ok(Response {
            outputs: decode_tensors(outputs, frame, inbox)?,
            parameters: decode_parameters(parameters),
            ..Response::default()
        }),
        AnswerMessage::Failed { refused, code, message } => {
            let fault = if refused { Fault::Client } else { Fault::Model };
            Err(Error::new(Code::parse(code).unwrap_or(Code::Internal), fault, message.to_owned()))
        }
    })
}

fn encode_tensors<'a>(
    tensors: &'a [Tensor],
    joined: &mut std::slice::Iter<'a, Bytes>,
    outbox: &mut Outbox,
) -> io::Result<Vec<TensorMessage<'a>>> {
    tensors
        .iter()
        .map(|tensor| {
            Ok(TensorMessage {
                name: &tensor.name,
                datatype: tensor.datatype.config_number(),
                shape: tensor.shape.to_vec(),
                place: place(&tensor.payload, joined, outbox)?,
            })
        })
        .collect()
}

fn place<'a>(
    payload: &'a Payload,
    joined: &mut std::slice::Iter<'a, Bytes>,
    outbox: &mut Outbox,
) -> io::Result<Place<'a>> {
    let length = payload.len();
    if length > INLINE_LARGEST {
        let offset = outbox.put(length as u64, payload.pieces().iter().map(AsRef::as_ref))?;
        return Ok(Place::Shared { offset, length: length as u64 });
    }
    let content = payload.as_slice().or_else(|| joined.next().map(AsRef::as_ref));
    content.map(Place::Inline).ok_or_else(|| io::Error::other("a tensor in pieces was not joined"))
}

fn decode_tensors(messages: Vec<TensorMessage<'_>>, frame: &Bytes, inbox: &Inbox) -> io::Result<Vec<Tensor>> {
    let unknown = || io::Error::new(io::ErrorKind::InvalidData, "a tensor has no known datatype");
    messages
        .into_iter()
        .map(|message| {
            let content = match message.place {
                Place::Inline(content) => frame.slice_ref(content),
                Place::Shared { offset, length } => inbox.view(offset, length)?,
            };
            Ok(Tensor {
                name: message.name.to_owned(),
                datatype: DataType::from_config_number(message.datatype).ok_or_else(unknown)?,
                shape: Shape::from_vec(message.shape),
                payload: content.into(),
                parameters: Parameters::new(),
            })
        })
        .collect()
}

fn encode_parameters(parameters: &Parameters) -> Vec<(&str, ParameterMessage<'_>)> {
    parameters
        .iter()
        .map(|(name, value)| {
            let value = match value {
                Parameter::Bool(value) => ParameterMessage::Bool(*value),
                Parameter::Int(value) => ParameterMessage::Int(*value),
                Parameter::Uint(value) => ParameterMessage::Uint(*value),
                Parameter::Double(value) => ParameterMessage::Double(*value),
                Parameter::String(value) => ParameterMessage::String(value),
            };
            (name, value)
        })
        .collect()
}

fn decode_parameters(messages: Vec<(&str, ParameterMessage<'_>)>) -> Parameters {
    messages
        .into_iter()
        .map(|(name, value)| {
            let value = match value {
                ParameterMessage::Bool(value) => Parameter::Bool(value),
                ParameterMessage::Int(value) => Parameter::Int(value),
                ParameterMessage::Uint(value) => Parameter::Uint(value),
                ParameterMessage::Double(value) => Parameter::Double(value),
                ParameterMessage::String(value) => Parameter::String(value.to_owned()),
            };
            (name.to_owned(), value)
        })
        .collect()
}
