//! The generate extension: JSON members that are inputs become tensors, outputs become JSON members.
//!
//! What is no input of the model becomes a parameter of the request, also inside the member `parameters`.

use std::borrow::Cow;

use jiter::Peek;
use trilith_core::tensor::{Shape, element_count};
use trilith_core::{Error, Parameter, Request, Response, Result, Signature, Tensor, TensorSpec};

use super::infer::{Reader, read_data, read_parameter, write_data, write_parameter};
use super::json::Writer;

/// Decodes the body of a generate request for the model of that signature.
pub(super) fn decode(signature: &Signature, version: Option<i64>, text: &[u8]) -> Result<Request> {
    let request = Request { model: signature.model.clone(), version, ..Request::default() };
    let mut decoder = Decoder { signature, request };
    let mut reader = Reader::new(text);
    let mut member = reader.open_object("the request")?;
    while let Some(name) = member {
        if name == "parameters" && signature.input("parameters").is_none() {
            decoder.read_members(&mut reader)?;
        } else {
            decoder.read_member(&mut reader, name, true)?;
        }
        member = reader.next_member()?;
    }
    reader.finish()?;
    Ok(decoder.request)
}

struct Decoder<'a> {
    signature: &'a Signature,
    request: Request,
}

impl Decoder<'_> {
    fn read_members(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        let mut member = reader.open_object("'parameters'")?;
        while let Some(name) = member {
            self.read_member(reader, name, false)?;
            member = reader.next_member()?;
        }
        Ok(())
    }

    fn read_member(&mut self, reader: &mut Reader<'_>, name: Cow<'static, str>, is_top: bool) -> Result<()> {
        if let Some(spec) = self.signature.input(&name) {
            let text = reader.skip("an input")?;
            let tensor = read_tensor(spec, self.signature.is_batched(), text)
                .map_err(|problem| self.in_input(&name, problem))?;
            self.request.inputs.push(tensor);
            return Ok(());
        }
        let value = read_parameter(reader, &name)?;
        if is_top
            && name == "id"
            && let Parameter::String(id) = &value
        {
            self.request.id.clone_from(id);
        }
        self.request.parameters.insert(name, value);
        Ok(())
    }

    fn in_input(&self, name: &str, mut problem: Error) -> Error {
        problem.message =
            format!("input '{name}' of model '{}': {}", self.signature.model, problem.message).into();
        problem
    }
}

/// Reads a single value or a flat array as a tensor of that kind.
fn read_tensor(spec: &TensorSpec, is_batched: bool, text: &[u8]) -> Result<Tensor> {
    let whole: Cow<'_, [u8]> = if text.first() == Some(&b'[') {
        Cow::Borrowed(text)
    } else {
        Cow::Owned([b"[", text, b"]"].concat())
    };
    let count = count_elements(&whole)?;
    let shape = find_shape(spec, is_batched, count)?;
    let mut reader = Reader::new(&whole);
    let data = read_data(&mut reader, spec.datatype, count, whole.len())?;
    Ok(Tensor::new(&spec.name, spec.datatype, &shape, data))
}

fn count_elements(text: &[u8]) -> Result<usize> {
    let mut reader = Reader::new(text);
    let mut next = reader.open_array("the value")?;
    let mut count = 0;
    while let Some(peek) = next {
        if peek == Peek::Array {
            return Err(Error::invalid("the value must be a single one or a flat array of them"));
        }
        reader.skip("the value")?;
        count += 1;
        next = reader.next_item("the value")?;
    }
    Ok(count)
}

/// The shape for so many elements: the innermost extent that is open takes what the fixed ones leave, the others
/// that are open are 1.
fn find_shape(spec: &TensorSpec, is_batched: bool, count: usize) -> Result<Shape> {
    let front = is_batched.then_some(-1_i64);
    let mut shape: Shape = front.into_iter().chain(spec.dims.iter().copied()).collect();
    let fixed: Shape = shape.iter().copied().filter(|extent| *extent >= 0).collect();
    let mut left = match element_count(&fixed) {
        Some(0) => 1,
        Some(fixed) if count.is_multiple_of(fixed) => (count / fixed) as i64,
        _ => return Err(misfit(&shape, count)),
    };
    for extent in shape.iter_mut().rev().filter(|extent| **extent < 0) {
        *extent = std::mem::replace(&mut left, 1);
    }
    if element_count(&shape) == Some(count) { Ok(shape) } else { Err(misfit(&shape, count)) }
}

fn misfit(shape: &[i64], count: usize) -> Error {
    let shape = trilith_core::tensor::format_shape(shape);
    Error::invalid(format!("{count} values cannot be brought into the shape {shape}"))
}

/// Writes a response as one JSON object.
pub(super) fn encode(json: &mut Writer, response: &Response) -> Result<()> {
    json.raw("{");
    if !response.id.is_empty() {
        json.raw("\"id\":").string(&response.id).raw(",");
    }
    json.raw("\"model_name\":").string(&response.model);
    json.raw(",\"model_version\":\"").integer(response.version).raw("\"");
    for (name, value) in response.parameters.iter() {
        json.raw(",").string(name).raw(":");
        write_parameter(json, value);
    }
    for output in &response.outputs {
        json.raw(",").string(&output.name).raw(":");
        let start = json.0.len();
        write_data(json, output).map_err(|mut problem| {
            problem.message =
                format!("output '{}' of model '{}': {}", output.name, response.model, problem.message).into();
            problem
        })?;
        if element_count(&output.shape) == Some(1) {
            // One value stands without the brackets.
            json.0.pop();
            json.0.remove(start);
        }
    }
    json.raw("}");
    Ok(())
}

/// Writes an error as one JSON object.
pub(super) fn encode_error(json: &mut Writer, error: &Error) {
    json.raw("{\"error\":").string(&error.full_text()).raw("}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use trilith_core::DataType;

    fn signature(max_batch_size: u32) -> Signature {
        let spec = |name: &str, datatype, dims: &[i64]| TensorSpec {
            name: name.to_owned(),
            datatype,
            dims: Shape::from_slice(dims),
            reshape: None,
            optional: false,
            ragged: false,
            labels: Arc::from([]),
        };
        Signature {
            model: "writer".into(),
            version: 1,
            max_batch_size,
            inputs: vec![spec("TEXT", DataType::Bytes, &[1]), spec("PAIRS", DataType::Int32, &[-1, 2])],
            outputs: Vec::new(),
        }
    }

    #[test]
    fn members_that_are_inputs_become_tensors_and_the_rest_parameters() {
        let text =
            br#"{"id":"7","TEXT":"hi","best_of":2,"parameters":{"PAIRS":[1,2,3,4],"t":0.5,"x":false}}"#;
        let request = decode(&signature(8), Some(3), text).unwrap();
        assert_eq!((&*request.model, request.version, &*request.id), ("writer", Some(3), "7"));
        assert_eq!(
            request.inputs[0],
            Tensor::new("TEXT", DataType::Bytes, &[1, 1], b"\x02\0\0\0hi".to_vec())
        );
        assert_eq!(&request.inputs[1].shape[..], [1, 2, 2]);
        let names: Vec<_> = request.parameters.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["id", "best_of", "t", "x"]);
        assert_eq!(request.parameters.get("t"), Some(&Parameter::Double(0.5)));
    }

    #[test]
    fn what_cannot_be_brought_into_shape_is_refused_by_name() {
        for text in [
            &br#"{"TEXT":["a","b"]}"#[..],
            br#"{"PAIRS":[1,2,3]}"#,
            br#"{"PAIRS":[[1,2]]}"#,
            br#"{"PAIRS":1}"#,
            br#"{"PAIRS":["a","b"]}"#,
            br#"{"PAIRS":{}}"#,
            br#"{"TEXT":null}"#,
        ] {
            let error = decode(&signature(0), None, text).unwrap_err();
            assert!(error.message.starts_with("input '"), "{error}");
        }
        for text in [&br#"{"other":[1]}"#[..], br#"{"other":{}}"#, b"[]", b"{", br#"{"triton_x":1}"#] {
            assert_eq!(decode(&signature(0), None, text).unwrap_err().code.http_status(), 400);
        }
    }

    #[test]
    fn one_value_stands_alone_and_several_in_an_array() {
        let response = Response {
            model: "writer".into(),
            version: 1,
            id: "7".into(),
            parameters: [("p".to_owned(), Parameter::Int(4))].into_iter().collect(),
            outputs: vec![
                Tensor::new("OUT", DataType::Bytes, &[1, 1], b"\x02\0\0\0hi".to_vec()),
                Tensor::new("TWO", DataType::Uint8, &[2], vec![1, 2]),
                Tensor::new("NONE", DataType::Uint8, &[0], Vec::new()),
            ],
        };
        let mut json = Writer::with_capacity(0);
        encode(&mut json, &response).unwrap();
        assert_eq!(
            String::from_utf8(json.0).unwrap(),
            r#"{"id":"7","model_name":"writer","model_version":"1","p":4,"OUT":"hi","TWO":[1,2],"NONE":[]}"#
        );
    }
}
