//! Answers as bytes, for caches that keep them outside the extension.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use trilith_core::{DataType, Parameter, Parameters, Response, Tensor};

/// Leads each entry: what another version has written is not read.
const FORMAT: u8 = 1;

#[derive(Serialize, Deserialize)]
struct Entry<'a> {
    format: u8,
    model: &'a str,
    version: i64,
    #[serde(borrow)]
    parameters: Vec<(&'a str, Value<'a>)>,
    #[serde(borrow)]
    outputs: Vec<Output<'a>>,
}

#[derive(Serialize, Deserialize)]
struct Output<'a> {
    name: &'a str,
    datatype: &'a str,
    shape: Vec<i64>,
    #[serde(borrow)]
    parameters: Vec<(&'a str, Value<'a>)>,
    #[serde(with = "serde_bytes")]
    content: &'a [u8],
}

#[derive(Serialize, Deserialize)]
enum Value<'a> {
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(&'a str),
}

/// A response as bytes; `None` where that cannot be.
pub(crate) fn encode(response: &Response) -> Option<Vec<u8>> {
    let contents: Vec<Bytes> = response.outputs.iter().map(|output| output.payload.to_bytes()).collect();
    let outputs = response.outputs.iter().zip(&contents).map(|(output, content)| Output {
        name: &output.name,
        datatype: output.datatype.name(),
        shape: output.shape.to_vec(),
        parameters: values(&output.parameters),
        content,
    });
    let entry = Entry {
        format: FORMAT,
        model: &response.model,
        version: response.version,
        parameters: values(&response.parameters),
        outputs: outputs.collect(),
    };
    postcard::to_stdvec(&entry).ok()
}

/// The response that bytes stand for; `None` where they stand for none: what comes from elsewhere is not trusted.
pub(crate) fn decode(content: &[u8]) -> Option<Response> {
    let entry: Entry<'_> =
        postcard::from_bytes(content).ok().filter(|entry: &Entry<'_>| entry.format == FORMAT)?;
    let outputs = entry.outputs.iter().map(|output| {
        let datatype = DataType::parse(output.datatype)?;
        let mut tensor = Tensor::new(output.name, datatype, &output.shape, output.content.to_vec());
        tensor.parameters = parameters(&output.parameters);
        tensor.check_size("").is_ok().then_some(tensor)
    });
    Some(Response {
        model: entry.model.to_owned(),
        version: entry.version,
        id: String::new(),
        parameters: parameters(&entry.parameters),
        outputs: outputs.collect::<Option<_>>()?,
    })
}

fn values(parameters: &Parameters) -> Vec<(&str, Value<'_>)> {
    let value = |value| match value {
        &Parameter::Bool(value) => Value::Bool(value),
        &Parameter::Int(value) => Value::Int(value),
        &Parameter::Uint(value) => Value::Uint(value),
        &Parameter::Double(value) => Value::Double(value),
        Parameter::String(value) => Value::String(value),
    };
    parameters.iter().map(|(name, given)| (name, value(given))).collect()
}

fn parameters(values: &[(&str, Value<'_>)]) -> Parameters {
    let parameter = |value: &Value<'_>| match value {
        Value::Bool(value) => Parameter::Bool(*value),
        Value::Int(value) => Parameter::Int(*value),
        Value::Uint(value) => Parameter::Uint(*value),
        Value::Double(value) => Parameter::Double(*value),
        Value::String(value) => Parameter::String((*value).to_owned()),
    };
    values.iter().map(|(name, value)| ((*name).to_owned(), parameter(value))).collect()
}
