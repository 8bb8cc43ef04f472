//! A body becomes a request.

use std::borrow::Cow;

use trilith_core::request::MAX_TENSORS;
use trilith_core::tensor::{Shape, element_count, format_shape};
use trilith_core::{
    DataType, Delivery, Error, Parameters, Payload, Request, RequestedOutput, Result, Tensor,
};

use super::encode::Deliveries;
use super::reader::Reader;
use super::{json_data, parameters};
use crate::shared_memory::{Reference, References};

/// What the path of a request says.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Name of the model.
    pub model: &'a str,
    /// Its version, where the path names one.
    pub version: Option<i64>,
    /// Bytes that a tensor given in JSON may take.
    pub max_tensor_size: usize,
}

/// A request, and how its outputs are to travel.
#[derive(Debug)]
pub struct Decoded {
    /// The request.
    pub request: Request,
    /// How its outputs are to travel.
    pub deliveries: Deliveries,
    /// Its tensors that lie in shared memory, of which the inputs have no content yet.
    pub references: References,
}

/// Decodes a body of which the first `header_length` bytes are JSON (all of them, if it is `None`)
/// and the rest binary tensors in the order of the inputs.
pub fn decode(target: Target<'_>, mut body: Payload, header_length: Option<usize>) -> Result<Decoded> {
    let length = body.len();
    if length == 0 {
        return Err(Error::invalid("the request has no body, expected JSON with its 'inputs'")
            .with_hint("a client that sends a file says @ before its name: curl -d @request.json"));
    }
    let header_length = header_length.unwrap_or(length);
    let header = body.split_to(header_length).ok_or_else(|| {
        Error::invalid(format!(
            "inference header size should be in range (0, {length}), got: {header_length}"
        ))
    })?;
    // Only the JSON part has to lie in one piece.
    let copied;
    let text = if let Some(text) = header.as_slice() {
        text
    } else {
        copied = header.to_bytes();
        &copied[..]
    };
    let request = Request { model: target.model.to_owned(), version: target.version, ..Request::default() };
    let mut decoder = Decoder {
        reader: Reader::new(text),
        binary: body,
        target,
        request,
        references: References::default(),
        is_binary: false,
        has_inputs: false,
    };
    decoder.run()?;
    let deliveries = Deliveries::new(&decoder.request.outputs, decoder.is_binary);
    Ok(Decoded { request: decoder.request, deliveries, references: decoder.references })
}

struct Decoder<'a> {
    reader: Reader<'a>,
    binary: Payload,
    target: Target<'a>,
    request: Request,
    references: References,
    is_binary: bool,
    has_inputs: bool,
}

impl<'a> Decoder<'a> {
    fn run(&mut self) -> Result<()> {
        let mut member = self.reader.open_object("the request")?;
        while let Some(name) = member {
            match &*name {
                "id" => self.request.id = self.reader.string("'id'")?,
                "parameters" => {
                    self.is_binary = parameters::read_of_request(&mut self.reader, &mut self.request)?;
                }
                "inputs" => self.inputs()?,
                "outputs" => self.outputs()?,
                _ => {
                    self.reader.skip("the request")?;
                }
            }
            member = self.reader.next_member()?;
        }
        self.reader.finish()?;
        if !self.has_inputs {
            return Err(Error::invalid(format!(
                "the request for model '{}' has no 'inputs'",
                self.target.model
            )));
        }
        if self.binary.is_empty() {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "unexpected additional input data for model '{}': {} bytes behind the last input",
            self.target.model,
            self.binary.len()
        )))
    }

    fn inputs(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.has_inputs, true) {
            return Err(Error::invalid("the request has 'inputs' twice"));
        }
        let mut item = self.reader.open_array("'inputs'")?;
        while item.is_some() {
            let mut input = Input::default();
            let tensor = self
                .input(&mut input)
                .map_err(|problem| self.in_place("input", input.name.as_deref(), problem))?;
            self.request.inputs.push(tensor);
            refuse_too_many(self.request.inputs.len(), "inputs")?;
            item = self.reader.next_item("'inputs'")?;
        }
        Ok(())
    }

    fn input(&mut self, input: &mut Input<'a>) -> Result<Tensor> {
        let mut member = self.reader.open_object("the input")?;
        while let Some(name) = member {
            match &*name {
                "name" => input.name = Some(self.reader.string("'name'")?),
                "datatype" => input.datatype = Some(self.datatype()?),
                "shape" => input.shape = Some(self.shape()?),
                "data" if input.has_data => return Err(Error::invalid("'data' is given twice")),
                "data" => self.data(input)?,
                "parameters" => {
                    input.binary_size = parameters::read_of_input(&mut self.reader, &mut input.parameters)?;
                }
                _ => {
                    self.reader.skip("the input")?;
                }
            }
            member = self.reader.next_member()?;
        }
        self.finish_input(input)
    }

    fn datatype(&mut self) -> Result<DataType> {
        self.reader.borrowed_string("'datatype'", |name| {
            DataType::parse(name).ok_or_else(|| {
                let known = DataType::ALL.map(DataType::name).join(", ");
                Error::invalid(format!("datatype '{name}' is not one of {known}"))
            })
        })?
    }

    fn shape(&mut self) -> Result<Shape> {
        let mut shape = Shape::new();
        let mut item = self.reader.open_array("'shape'")?;
        while item.is_some() {
            let extent = self.reader.unsigned("an extent of 'shape'")?;
            let extent = i64::try_from(extent).map_err(|_| {
                Error::invalid(format!("extent {extent} of 'shape' is larger than any tensor"))
            })?;
            shape.push(extent);
            item = self.reader.next_item("'shape'")?;
        }
        Ok(shape)
    }

    /// Reads the values at once where datatype and shape are known, and remembers where they are otherwise.
    fn data(&mut self, input: &mut Input<'a>) -> Result<()> {
        input.has_data = true;
        if let (Some(datatype), Some(shape)) = (input.datatype, &input.shape) {
            let count = self.count(datatype, shape)?;
            let room = self.reader.left();
            input.data = Some(json_data::read(&mut self.reader, datatype, count, room)?);
        } else {
            input.unread = Some(self.reader.skip("'data'")?);
        }
        Ok(())
    }

    fn finish_input(&mut self, input: &mut Input<'a>) -> Result<Tensor> {
        let datatype = input.datatype.ok_or_else(|| Error::invalid("it has no 'datatype'"))?;
        let shape = input.shape.take().ok_or_else(|| Error::invalid("it has no 'shape'"))?;
        let payload = match (input.binary_size, input.has_data, Reference::take(&mut input.parameters)?) {
            (Some(size), false, None) => self.binary(size)?,
            (None, true, None) => self.values(input, datatype, &shape)?,
            (None, false, Some(reference)) => {
                self.references.inputs.push((self.request.inputs.len(), reference));
                Payload::new()
            }
            (size, has_data, reference) => {
                return Err(not_one_content(has_data, size.is_some(), reference.is_some()));
            }
        };
        let name = input.name.take().ok_or_else(|| Error::invalid("it has no 'name'"))?;
        let parameters = std::mem::take(&mut input.parameters);
        Ok(Tensor { name, datatype, shape, payload, parameters })
    }

    fn binary(&mut self, size: u64) -> Result<Payload> {
        let left = self.binary.len();
        usize::try_from(size).ok().and_then(|size| self.binary.split_to(size)).ok_or_else(|| {
            Error::invalid(format!(
                "unexpected size: 'binary_data_size' says {size} bytes, {left} are left behind the JSON header"
            ))
            .with_hint("the header Inference-Header-Content-Length says where the JSON ends")
        })
    }

    fn values(&mut self, input: &mut Input<'a>, datatype: DataType, shape: &Shape) -> Result<Payload> {
        if let Some(text) = input.unread {
            let count = self.count(datatype, shape)?;
            return json_data::read(&mut Reader::new(text), datatype, count, text.len()).map(Payload::from);
        }
        Ok(input.data.take().unwrap_or_default().into())
    }

    fn count(&self, datatype: DataType, shape: &Shape) -> Result<usize> {
        let count = element_count(shape)
            .ok_or_else(|| Error::invalid(format!("shape {} is too large", format_shape(shape))))?;
        let size = count.saturating_mul(datatype.size().unwrap_or(1));
        if size > self.target.max_tensor_size {
            return Err(Error::invalid(format!(
                "{datatype} with shape {} takes {size} bytes, which exceeds the maximum allowed value of {} bytes",
                format_shape(shape),
                self.target.max_tensor_size
            ))
            .with_hint("Use --http-max-input-size to increase the limit."));
        }
        Ok(count)
    }

    fn outputs(&mut self) -> Result<()> {
        let mut item = self.reader.open_array("'outputs'")?;
        while item.is_some() {
            let mut output = RequestedOutput { delivery: Delivery::Json, ..RequestedOutput::default() };
            let mut name = None;
            self.output(&mut output, &mut name)
                .map_err(|problem| self.in_place("output", name.as_deref(), problem))?;
            output.name =
                name.ok_or_else(|| self.in_place("output", None, Error::invalid("it has no 'name'")))?;
            self.references
                .add_output(&mut output)
                .map_err(|problem| self.in_place("output", Some(&output.name), problem))?;
            self.request.outputs.push(output);
            refuse_too_many(self.request.outputs.len(), "outputs")?;
            item = self.reader.next_item("'outputs'")?;
        }
        Ok(())
    }

    fn output(&mut self, output: &mut RequestedOutput, output_name: &mut Option<String>) -> Result<()> {
        let mut member = self.reader.open_object("the output")?;
        while let Some(name) = member {
            match &*name {
                "name" => *output_name = Some(self.reader.string("'name'")?),
                "parameters" => parameters::read_of_output(&mut self.reader, output)?,
                _ => {
                    self.reader.skip("the output")?;
                }
            }
            member = self.reader.next_member()?;
        }
        Ok(())
    }

    fn in_place(&self, kind: &str, name: Option<&str>, mut problem: Error) -> Error {
        let name: Cow<'_, str> = name.map_or("without a name".into(), |name| format!("'{name}'").into());
        problem.message =
            format!("{kind} {name} for model '{}': {}", self.target.model, problem.message).into();
        problem
    }
}

fn refuse_too_many(count: usize, what: &str) -> Result<()> {
    if count <= MAX_TENSORS {
        return Ok(());
    }
    Err(Error::invalid(format!("the request has more than {MAX_TENSORS} {what}")))
}

fn not_one_content(has_data: bool, has_size: bool, has_region: bool) -> Error {
    let fields =
        [(has_data, "'data'"), (has_size, "'binary_data_size'"), (has_region, "'shared_memory_region'")];
    let given: Vec<&str> = fields.into_iter().filter(|(is_set, _)| *is_set).map(|(_, name)| name).collect();
    let given =
        if given.is_empty() { "no field is".to_owned() } else { format!("{} are", given.join(" and ")) };
    Error::invalid(format!(
        "Input must set only one of the following fields: 'data', 'binary_data_size' in 'parameters', \
         'shared_memory_region' in 'parameters', but {given} set"
    ))
}

/// An input while its members come in, in whatever order.
#[derive(Default)]
struct Input<'a> {
    name: Option<String>,
    datatype: Option<DataType>,
    shape: Option<Shape>,
    parameters: Parameters,
    binary_size: Option<u64>,
    has_data: bool,
    data: Option<Vec<u8>>,
    unread: Option<&'a [u8]>,
}
