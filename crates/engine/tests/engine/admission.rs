use trilith_core::{Code, DataType, Error, Request, RequestedOutput, Tensor};
use trilith_engine::ModelSpec;

use crate::support::{Server, floats, request, spec, take, tensor_spec, with_inputs};

/// A model with a required and an optional input and an output of strings.
fn rich() -> Server {
    let mut spec = spec(4);
    let mut mask = tensor_spec("MASK", DataType::Bool, &[-1]);
    mask.optional = true;
    spec.signature.inputs.push(mask);
    spec.signature.inputs.push(tensor_spec("TEXT", DataType::Bytes, &[1]));
    spec.signature.outputs.push(tensor_spec("WORDS", DataType::Bytes, &[1]));
    Server::new(spec)
}

fn text(name: &str) -> Tensor {
    Tensor::new(name, DataType::Bytes, &[1, 1], vec![2, 0, 0, 0, b'h', b'i'])
}

fn image() -> Tensor {
    floats("IN", &[1, 2], &[1.0, 2.0])
}

fn refused(server: &Server, request: Request, part: &str) -> Error {
    let error = server.refusal(request);
    assert_eq!(error.code, Code::InvalidArgument);
    assert!(error.full_text().contains(part), "{part:?} is not in {:?}", error.full_text());
    error
}

fn refused_inputs(inputs: Vec<Tensor>, part: &str) {
    refused(&rich(), with_inputs(inputs), part);
}

#[test]
fn a_good_request_runs_with_inputs_in_the_order_of_the_signature() {
    let server = rich();
    server.infer(with_inputs(vec![text("TEXT"), image()]));
    let port = server.model.open_port();
    let batch = take(&port);
    let names: Vec<_> = batch.inputs().iter().map(|input| input.spec.name.clone()).collect();
    assert_eq!(names, ["IN", "TEXT"]);
}

#[test]
fn an_unknown_model_or_version_is_not_found() {
    let server = rich();
    let error = server.refusal(Request { model: "mm".into(), ..request(1) });
    assert_eq!(
        (error.code, &*error.full_text()),
        (Code::NotFound, "there is no model 'mm'; did you mean 'm'?")
    );
    let error = server.refusal(Request { version: Some(7), ..request(1) });
    assert_eq!(error.code, Code::NotFound);
    assert_eq!(error.full_text(), "there is no model 'm' version 7; ready versions: 1");
}

#[test]
fn an_unknown_input_gets_the_nearest_name() {
    refused_inputs(vec![image(), text("TEXTS")], "model 'm' has no input 'TEXTS'; did you mean 'TEXT'?");
    refused_inputs(vec![image(), text("ZZZZ")], "its inputs are 'IN', 'MASK', 'TEXT'");
}

#[test]
fn an_input_that_is_there_twice_is_named() {
    refused_inputs(
        vec![image(), text("TEXT"), image()],
        "input 'IN' of model 'm': it is there more than once",
    );
}

#[test]
fn a_missing_input_is_named_even_where_the_count_fits() {
    let mask = Tensor::new("MASK", DataType::Bool, &[1, 3], vec![1; 3]);
    refused_inputs(
        vec![image(), mask],
        "input 'TEXT' of model 'm': it is required and missing; send it as BYTES with shape [-1,1]",
    );
    refused_inputs(vec![], "input 'IN' of model 'm': it is required and missing");
}

#[test]
fn a_wrong_datatype_names_both() {
    let input = Tensor::new("IN", DataType::Int32, &[1, 2], vec![0; 8]);
    refused_inputs(vec![input, text("TEXT")], "FP32 was expected, INT32 was given");
}

#[test]
fn a_wrong_shape_names_both() {
    for shape in [&[1, 3][..], &[1, 2, 1], &[1, -2], &[-1, 2], &[]] {
        let input = Tensor::new("IN", DataType::Fp32, shape, vec![0; 8]);
        refused_inputs(vec![input, text("TEXT")], "shape [-1,2] was expected");
    }
    let input = floats("IN", &[2], &[0.0, 0.0]);
    refused_inputs(vec![input, text("TEXT")], "[2] was given; the first dimension is the batch");
}

#[test]
fn a_batch_over_the_limit_or_empty_is_refused() {
    for size in [0, 5, 1 << 40] {
        let mut input = floats("IN", &[size, 2], &vec![0.0; if size == 5 { 10 } else { 0 }]);
        if size > 5 {
            input.shape = [size, 2].into_iter().collect();
        }
        let error = rich().refusal(with_inputs(vec![input, text("TEXT")]));
        assert_eq!(error.code, Code::InvalidArgument);
    }
    let input = floats("IN", &[5, 2], &[0.0; 10]);
    refused_inputs(vec![input, text("TEXT")], "a batch size of 5 was given, model 'm' takes 1 to 4");
}

#[test]
fn inputs_of_different_batch_sizes_are_refused() {
    let input = floats("IN", &[2, 2], &[0.0; 4]);
    refused_inputs(vec![input, text("TEXT")], "its batch size of 1 differs from the 2");
}

#[test]
fn sizes_that_do_not_match_are_refused() {
    let input = Tensor::new("IN", DataType::Fp32, &[1, 2], vec![0; 9]);
    refused_inputs(
        vec![input, text("TEXT")],
        "input 'IN' of model 'm': FP32 with shape [1,2] takes 8 bytes, 9 were",
    );
    let lying = Tensor::new("TEXT", DataType::Bytes, &[1, 1], vec![200, 0, 0, 0, 1]);
    refused_inputs(vec![image(), lying], "input 'TEXT' of model 'm': the length in front of element 0");
    let mask = Tensor::new("MASK", DataType::Bool, &[1, i64::MAX], vec![]);
    refused_inputs(vec![image(), mask, text("TEXT")], "input 'MASK' of model 'm'");
}

#[test]
fn requested_outputs_must_exist_once_and_be_fit_for_classes() {
    let output = |name: &str, classification| RequestedOutput {
        name: name.to_owned(),
        classification,
        ..RequestedOutput::default()
    };
    let asking = |outputs| Request { outputs, ..with_inputs(vec![image(), text("TEXT")]) };
    let server = rich();
    refused(&server, asking(vec![output("OUTT", 0)]), "has no output 'OUTT'; did you mean 'OUT'?");
    refused(&server, asking(vec![output("OUT", 0), output("OUT", 0)]), "requested more than once");
    refused(&server, asking(vec![output("WORDS", 1)]), "cannot be classified");
}

#[test]
fn without_a_batch_dimension_shapes_are_taken_as_they_are() {
    let server = Server::new(spec(0));
    let inbox = server.infer(with_inputs(vec![floats("IN", &[2], &[1.0, 2.0])])).0;
    let port = server.model.open_port();
    let batch = take(&port);
    assert_eq!((batch.size(), batch.inputs()[0].shape.as_slice()), (1, &[2][..]));
    crate::support::echo(batch);
    assert_eq!(inbox.result().unwrap().outputs[0].shape.as_slice(), [2]);
}

#[test]
fn backends_see_the_shape_that_reshape_says_and_clients_their_own() {
    let mut model: ModelSpec = spec(4);
    for tensor in [&mut model.signature.inputs[0], &mut model.signature.outputs[0]] {
        tensor.dims = [1, -1].into_iter().collect();
        tensor.reshape = Some([-1].into_iter().collect());
    }
    let server = Server::new(model);
    let inbox = server.infer(with_inputs(vec![floats("IN", &[2, 1, 3], &[0.0; 6])])).0;
    let port = server.model.open_port();
    let batch = take(&port);
    assert_eq!(batch.inputs()[0].shape.as_slice(), [2, 3]);
    crate::support::echo(batch);
    assert_eq!(inbox.result().unwrap().outputs[0].shape.as_slice(), [2, 1, 3]);
}
