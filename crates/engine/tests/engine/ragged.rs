//! Requests that differ in their extents: what a model is told of them, and how its answer is taken apart.

use trilith_core::{DataType, Tensor};
use trilith_engine::{BatchInputKind, BatchInputSpec, BatchOutputSpec, BatchTensors, ModelSpec};

use crate::support::{Inbox, Server, dynamic, floats, spec, take, with_inputs};

/// A model with a ragged input that is told where each request ends, and whose output is a run of elements.
fn ragged() -> ModelSpec {
    let mut model = spec(8);
    model.scheduler = dynamic();
    model.signature.inputs[0].ragged = true;
    model.signature.inputs[0].dims = [-1].into_iter().collect();
    model.signature.outputs[0].dims = [-1].into_iter().collect();
    model.batch_tensors = BatchTensors {
        inputs: vec![BatchInputSpec {
            kind: BatchInputKind::AccumulatedElementCount,
            targets: vec!["ENDS".to_owned()],
            datatype: DataType::Int32,
            source: "IN".to_owned(),
        }],
        outputs: vec![BatchOutputSpec { targets: vec!["OUT".to_owned()], source: "IN".to_owned() }],
    };
    model
}

/// Sends one request for each shape, its values counting on from one to the next.
fn send(server: &Server, shapes: &[[i64; 2]]) -> Vec<Inbox> {
    let mut next = 0.0_f32;
    let mut inboxes = Vec::new();
    for shape in shapes {
        let count = (shape[0] * shape[1]) as usize;
        let values: Vec<f32> = (0..count).map(|index| next + index as f32).collect();
        next += count as f32;
        inboxes.push(server.infer(with_inputs(vec![floats("IN", shape, &values)])).0);
    }
    inboxes
}

fn run_of(count: usize) -> Tensor {
    let values: Vec<f32> = (0..count).map(|index| index as f32).collect();
    floats("OUT", &[count as i64], &values)
}

#[test]
fn a_model_is_told_where_each_request_ends_and_its_run_is_cut_there() {
    let server = Server::new(ragged());
    let shapes = [[1, 3], [2, 2], [1, 0]];
    let inboxes = send(&server, &shapes);
    let batch = take(&server.model.open_port());
    let told = batch.batch_inputs().unwrap();
    let ends: Vec<u8> = [3_i32, 7, 7].iter().flat_map(|end| end.to_le_bytes()).collect();
    assert_eq!((told[0].name.as_str(), told[0].shape.as_slice()), ("ENDS", &[3][..]));
    assert_eq!(told[0].payload.to_bytes(), ends);
    batch.finish(vec![run_of(7)]);
    let mut begin = 0;
    for (inbox, shape) in inboxes.iter().zip(shapes) {
        let response = inbox.result().unwrap();
        let output = &response.outputs[0];
        assert_eq!(output.shape.as_slice(), shape);
        let end = begin + (shape[0] * shape[1]) as usize;
        assert_eq!(output.payload.to_bytes(), run_of(7).payload.to_bytes()[begin * 4..end * 4]);
        begin = end;
    }
}

#[test]
fn a_request_alone_gets_its_own_shape_too() {
    let server = Server::new(ragged());
    let inboxes = send(&server, &[[2, 3]]);
    take(&server.model.open_port()).finish(vec![run_of(6)]);
    assert_eq!(inboxes[0].result().unwrap().outputs[0].shape.as_slice(), [2, 3]);
}

#[test]
fn a_run_that_is_too_long_or_of_another_datatype_fails_every_request_and_says_so() {
    for (run, expected) in [
        (run_of(8), "with 8 elements (shape [8]), 7 were expected"),
        (Tensor::new("OUT", DataType::Int32, &[7], vec![0; 28]), "as INT32, FP32 was expected"),
        (Tensor::new("OUT", DataType::Fp32, &[7], vec![0; 27]), "takes 28 bytes, 27 were given"),
    ] {
        let server = Server::new(ragged());
        let inboxes = send(&server, &[[1, 3], [2, 2]]);
        take(&server.model.open_port()).finish(vec![run]);
        for inbox in inboxes {
            let error = inbox.error();
            assert!(error.message.contains(expected), "{error}");
            assert!(error.message.contains("model 'm' version 1 gave output 'OUT'"), "{error}");
        }
    }
}

#[test]
fn runs_of_strings_and_reshaped_outputs_are_cut_by_elements() {
    let mut model = ragged();
    model.signature.outputs[0].datatype = DataType::Bytes;
    model.signature.outputs[0].dims = [-1, 1].into_iter().collect();
    model.signature.outputs[0].reshape = Some([-1].into_iter().collect());
    let server = Server::new(model);
    let inboxes = send(&server, &[[1, 1], [1, 2]]);
    let content = b"\x02\0\0\0ab\0\0\0\0\x01\0\0\0c".to_vec();
    take(&server.model.open_port()).finish(vec![Tensor::new("OUT", DataType::Bytes, &[3], content)]);
    let answers: Vec<_> = inboxes.iter().map(|inbox| inbox.result().unwrap().outputs.remove(0)).collect();
    assert_eq!((answers[0].shape.as_slice(), answers[1].shape.as_slice()), (&[1, 1, 1][..], &[1, 2, 1][..]));
    assert_eq!((answers[0].payload.len(), answers[1].payload.len()), (6, 9));
}

#[test]
fn other_outputs_of_the_model_are_cut_along_the_batch_and_keep_their_order() {
    let mut model = ragged();
    let mut total = model.signature.outputs[0].clone();
    total.name = "TOTAL".to_owned();
    total.dims = [1].into_iter().collect();
    model.signature.outputs.push(total);
    let server = Server::new(model);
    let inboxes = send(&server, &[[1, 3], [1, 1]]);
    take(&server.model.open_port()).finish(vec![floats("TOTAL", &[2, 1], &[3.0, 1.0]), run_of(4)]);
    for inbox in inboxes {
        let response = inbox.result().unwrap();
        let names: Vec<_> = response.outputs.iter().map(|output| output.name.as_str()).collect();
        assert_eq!(names, ["OUT", "TOTAL"]);
    }
}
