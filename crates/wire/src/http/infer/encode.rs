//! A response becomes a body.

use bytes::Bytes;
use trilith_core::tensor::element_count;
use trilith_core::{
    DataType, Delivery, Error, Parameter, Parameters, Payload, RequestedOutput, Response, Result, Tensor,
    bytes_tensor,
};

use crate::http::json::{Float, Writer};

/// Binary tensors up to this size are put behind the header in one buffer: copying them costs less than
/// sending a second piece.
const COPIED_SIZE: usize = 16 << 10;

/// How the outputs of one request are to travel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deliveries {
    /// All in the same way.
    All {
        /// Behind the header rather than in it.
        is_binary: bool,
    },
    /// Each in its own; those that are not listed in JSON.
    Each(Vec<(String, Delivery)>),
}

impl Deliveries {
    /// What a request asks for; `is_binary` holds for outputs that it does not list.
    pub fn new(outputs: &[RequestedOutput], is_binary: bool) -> Self {
        let Some(first) = outputs.first().map(|output| output.delivery) else {
            return Self::All { is_binary };
        };
        if first != Delivery::SharedMemory && outputs.iter().all(|output| output.delivery == first) {
            return Self::All { is_binary: first == Delivery::Binary };
        }
        Self::Each(outputs.iter().map(|output| (output.name.clone(), output.delivery)).collect())
    }

    fn of(&self, name: &str) -> Delivery {
        match self {
            Self::All { is_binary: true } => Delivery::Binary,
            Self::All { is_binary: false } => Delivery::Json,
            Self::Each(outputs) => outputs
                .iter()
                .find(|(output, _)| output == name)
                .map_or(Delivery::Json, |(_, delivery)| *delivery),
        }
    }

    fn is_binary(&self, name: &str) -> bool {
        self.of(name) == Delivery::Binary
    }
}

/// A response ready to be sent.
#[derive(Debug)]
pub struct Encoded {
    /// The JSON header, and small binary tensors behind it.
    pub head: Bytes,
    /// Large binary tensors in order, as they came from the model.
    pub rest: Vec<Bytes>,
    /// Length of the JSON header, if anything follows it.
    pub header_length: Option<usize>,
}

/// Encodes a response.
pub fn encode(response: &Response, deliveries: &Deliveries) -> Result<Encoded> {
    let mut json = Writer::with_capacity(capacity(response, deliveries));
    json.raw("{");
    if !response.id.is_empty() {
        json.raw("\"id\":").string(&response.id).raw(",");
    }
    json.raw("\"model_name\":").string(&response.model);
    json.raw(",\"model_version\":\"").integer(response.version).raw("\"");
    if !response.parameters.is_empty() {
        json.raw(",");
        write_parameters(&mut json, &response.parameters, None);
    }
    json.raw(",\"outputs\":[");
    let mut binary = 0;
    for (index, output) in response.outputs.iter().enumerate() {
        json.raw(if index > 0 { "," } else { "" });
        let delivery = deliveries.of(&output.name);
        write_output(&mut json, output, delivery).map_err(|problem| in_output(output, response, problem))?;
        binary += if delivery == Delivery::Binary { output.payload.len() } else { 0 };
    }
    json.raw("]}");
    Ok(append_binary(json.0, response, deliveries, binary))
}

fn append_binary(mut head: Vec<u8>, response: &Response, deliveries: &Deliveries, length: usize) -> Encoded {
    if length == 0 {
        return Encoded { head: head.into(), rest: Vec::new(), header_length: None };
    }
    let header_length = Some(head.len());
    let binary = response.outputs.iter().filter(|output| deliveries.is_binary(&output.name));
    let pieces = binary.flat_map(|output| output.payload.pieces());
    let mut rest = Vec::new();
    if length <= COPIED_SIZE {
        pieces.for_each(|piece| head.extend_from_slice(piece));
    } else {
        rest.extend(pieces.cloned());
    }
    Encoded { head: head.into(), rest, header_length }
}

/// Room that will do for most responses, so that the text is not moved while it grows.
fn capacity(response: &Response, deliveries: &Deliveries) -> usize {
    // Fixed parts; then about twelve digits for each four bytes of tensor.
    let outputs = response.outputs.iter().map(|output| {
        let length = output.payload.len();
        let data = if !deliveries.is_binary(&output.name) {
            length.saturating_mul(3)
        } else if length <= COPIED_SIZE {
            length
        } else {
            0
        };
        data + output.name.len() + 128
    });
    128 + response.model.len() + response.id.len() + outputs.sum::<usize>()
}

fn write_output(json: &mut Writer, output: &Tensor, delivery: Delivery) -> Result<()> {
    json.raw("{\"name\":").string(&output.name);
    json.raw(",\"datatype\":\"").raw(output.datatype.name()).raw("\",\"shape\":");
    json.list(("[", "]"), &output.shape, |json, extent| {
        json.integer(*extent);
    });
    let size = (delivery == Delivery::Binary).then_some(output.payload.len());
    if size.is_some() || !output.parameters.is_empty() {
        json.raw(",");
        write_parameters(json, &output.parameters, size);
    }
    if !matches!(delivery, Delivery::Binary | Delivery::SharedMemory) {
        json.raw(",\"data\":");
        write_data(json, output)?;
    }
    json.raw("}");
    Ok(())
}

fn write_parameters(json: &mut Writer, parameters: &Parameters, binary_size: Option<usize>) {
    json.raw("\"parameters\":{");
    if let Some(size) = binary_size {
        json.raw("\"binary_data_size\":").integer(size);
        json.raw(if parameters.is_empty() { "" } else { "," });
    }
    json.list(("", "}"), parameters.iter(), |json, (name, value)| {
        json.string(name).raw(":");
        write_parameter(json, value);
    });
}

/// Writes a value that rides along.
pub(in crate::http) fn write_parameter(json: &mut Writer, value: &Parameter) {
    match value {
        Parameter::Bool(value) => json.raw(if *value { "true" } else { "false" }),
        Parameter::Int(value) => json.integer(*value),
        Parameter::Uint(value) => json.integer(*value),
        Parameter::Double(value) => json.float(*value),
        Parameter::String(value) => json.string(value),
    };
}

/// Writes the values of an output as a flat array.
pub(in crate::http) fn write_data(json: &mut Writer, output: &Tensor) -> Result<()> {
    let whole;
    let content = if let Some(content) = output.payload.as_slice() {
        content
    } else {
        whole = output.payload.to_bytes();
        &whole[..]
    };
    match output.datatype {
        DataType::Bool => write_elements(json, content, |json, [byte]: [u8; 1]| {
            json.raw(if byte == 0 { "false" } else { "true" });
        }),
        DataType::Uint8 => write_integers(json, content, u8::from_le_bytes),
        DataType::Uint16 => write_integers(json, content, u16::from_le_bytes),
        DataType::Uint32 => write_integers(json, content, u32::from_le_bytes),
        DataType::Uint64 => write_integers(json, content, u64::from_le_bytes),
        DataType::Int8 => write_integers(json, content, i8::from_le_bytes),
        DataType::Int16 => write_integers(json, content, i16::from_le_bytes),
        DataType::Int32 => write_integers(json, content, i32::from_le_bytes),
        DataType::Int64 => write_integers(json, content, i64::from_le_bytes),
        DataType::Fp16 => write_floats(json, content, |bytes| half::f16::from_le_bytes(bytes).to_f32()),
        DataType::Bf16 => write_floats(json, content, |bytes| half::bf16::from_le_bytes(bytes).to_f32()),
        DataType::Fp32 => write_floats(json, content, f32::from_le_bytes),
        DataType::Fp64 => write_floats(json, content, f64::from_le_bytes),
        DataType::Bytes => return write_strings(json, content, element_count(&output.shape)),
    }
    Ok(())
}

fn write_elements<const N: usize>(json: &mut Writer, content: &[u8], write: impl Fn(&mut Writer, [u8; N])) {
    let (elements, _) = content.as_chunks::<N>();
    json.list(("[", "]"), elements, |json, element| write(json, *element));
}

fn write_integers<const N: usize, T: itoa::Integer>(
    json: &mut Writer,
    content: &[u8],
    value: impl Fn([u8; N]) -> T,
) {
    write_elements(json, content, |json, element| {
        json.integer(value(element));
    });
}

fn write_floats<const N: usize, T: Float>(json: &mut Writer, content: &[u8], value: impl Fn([u8; N]) -> T) {
    write_elements(json, content, |json, element| {
        json.float(value(element));
    });
}

fn write_strings(json: &mut Writer, content: &[u8], count: Option<usize>) -> Result<()> {
    let mut problem = None;
    let elements = bytes_tensor::elements(content).take(count.unwrap_or(0));
    json.list(("[", "]"), elements.enumerate(), |json, (index, element)| {
        match element.map(std::str::from_utf8) {
            Some(Ok(text)) => {
                json.string(text);
            }
            Some(Err(_)) => problem = Some(index),
            None => problem = problem.or(Some(index)),
        }
    });
    problem.map_or(Ok(()), |index| {
        Err(Error::invalid(format!("element {index} is no UTF-8 text and cannot be written in JSON"))
            .with_hint("ask for this output with the parameter binary_data set to true"))
    })
}

fn in_output(output: &Tensor, response: &Response, mut problem: Error) -> Error {
    problem.message =
        format!("output '{}' of model '{}': {}", output.name, response.model, problem.message).into();
    problem
}

impl Encoded {
    /// Everything in one payload.
    pub fn into_payload(self) -> Payload {
        let mut payload = Payload::from(self.head);
        self.rest.into_iter().for_each(|piece| payload.push(piece));
        payload
    }
}
