use trilith_core::{Code, DataType, Error, Fault, Request, RequestedOutput, Response, Tensor};
use trilith_engine::ModelSpec;

use crate::support::{Server, dynamic, echo, floats, request, spec, take, tensor_spec, with_inputs};

/// The error that a client gets where the model gives these outputs for a batch of one.
fn wrong(outputs: Vec<Tensor>) -> Error {
    let server = Server::new(spec(8));
    let inbox = server.ask(1);
    take(&server.model.open_port()).finish(outputs);
    let error = inbox.error();
    assert_eq!((error.code, error.fault), (Code::Internal, Fault::Model));
    error
}

#[test]
fn a_response_carries_model_version_and_the_clients_id() {
    let server = Server::new(spec(8));
    let inbox = server.ask(2);
    echo(take(&server.model.open_port()));
    let response = inbox.result().unwrap();
    assert_eq!((response.model.as_str(), response.version, response.id.as_str()), ("m", 1, "42"));
    assert_eq!(response.outputs[0].shape.as_slice(), [2, 2]);
    assert_eq!(server.engine.in_flight(), 0);
}

#[test]
fn each_request_of_a_batch_gets_its_own_rows() {
    let server = Server::batching(dynamic());
    let ask = |values: &[f32]| {
        server.infer(with_inputs(vec![floats("IN", &[values.len() as i64 / 2, 2], values)])).0
    };
    let inboxes = [ask(&[1.0, 2.0]), ask(&[3.0, 4.0, 5.0, 6.0])];
    let batch = take(&server.model.open_port());
    assert_eq!((batch.size(), batch.jobs().len()), (3, 2));
    echo(batch);
    let outputs = inboxes.map(|inbox| inbox.result().unwrap().outputs.remove(0));
    assert_eq!(outputs[0], floats("OUT", &[1, 2], &[1.0, 2.0]));
    assert_eq!(outputs[1], floats("OUT", &[2, 2], &[3.0, 4.0, 5.0, 6.0]));
}

#[test]
fn wrong_outputs_become_model_errors_that_name_them() {
    let message = wrong(vec![Tensor::new("OUT", DataType::Int32, &[1, 2], vec![0; 8])]).message;
    assert_eq!(message, "model 'm' version 1 gave output 'OUT' as INT32, FP32 was expected");
    let message = wrong(vec![floats("OUT", &[2, 2], &[0.0; 4])]).message;
    assert_eq!(message, "model 'm' version 1 gave output 'OUT' with shape [2,2], [1,2] was expected");
    let message = wrong(vec![floats("OUT", &[1, 2], &[0.0])]).message;
    assert!(message.contains("takes 8 bytes, 4 were given"), "{message}");
    let message = wrong(vec![floats("OOPS", &[1, 2], &[0.0; 2])]).message;
    assert!(message.contains("gave an unknown output 'OOPS', its outputs are 'OUT'"), "{message}");
    let twice = floats("OUT", &[1, 2], &[0.0; 2]);
    assert!(wrong(vec![twice.clone(), twice]).message.contains("'OUT' more than once"));
}

#[test]
fn outputs_come_as_requested_in_order_and_selection() {
    let mut model = spec(8);
    model.signature.outputs.push(tensor_spec("SUM", DataType::Fp32, &[1]));
    let server = Server::new(model);
    let wanted = |name: &str| RequestedOutput { name: name.to_owned(), ..RequestedOutput::default() };
    let ask = |names: &[&str]| {
        let outputs = names.iter().map(|name| wanted(name)).collect();
        server.infer(Request { outputs, ..request(1) }).0
    };
    let inboxes = [ask(&["SUM", "OUT"]), ask(&["SUM"]), ask(&[])];
    let port = server.model.open_port();
    for _ in 0..3 {
        take(&port).finish(vec![floats("SUM", &[1, 1], &[3.0]), floats("OUT", &[1, 2], &[1.0, 2.0])]);
    }
    let names = inboxes.map(|inbox| {
        inbox.result().unwrap().outputs.into_iter().map(|output| output.name).collect::<Vec<_>>()
    });
    assert_eq!(names, [vec!["SUM", "OUT"], vec!["SUM"], vec!["OUT", "SUM"]]);

    let inbox = ask(&["SUM"]);
    take(&port).finish(vec![floats("OUT", &[1, 2], &[1.0, 2.0])]);
    assert_eq!(inbox.error().message, "model 'm' version 1 did not give output 'SUM', which was requested");
}

#[test]
fn classes_replace_values_where_asked_for() {
    let mut model = spec(8);
    model.signature.outputs[0].labels = ["no".to_owned(), "yes".to_owned()].into();
    let server = Server::new(model);
    let output = RequestedOutput { name: "OUT".into(), classification: 1, ..RequestedOutput::default() };
    let inbox = server.infer(Request { outputs: vec![output], ..request(2) }).0;
    take(&server.model.open_port()).finish(vec![floats("OUT", &[2, 2], &[0.25, 0.75, 2.0, 1.0])]);
    let output = inbox.result().unwrap().outputs.remove(0);
    assert_eq!((output.datatype, output.shape.as_slice()), (DataType::Bytes, &[2, 1][..]));
    let content = output.payload.to_bytes();
    assert_eq!(content.as_ref(), b"\x0e\0\0\x000.750000:1:yes\x0d\0\0\x002.000000:0:no");
}

#[test]
fn what_is_dropped_is_answered_with_an_error_that_names_the_model() {
    let server = Server::batching(dynamic());
    let inboxes = [server.ask(1), server.ask(1)];
    let port = server.model.open_port();
    drop(take(&port));
    for inbox in inboxes {
        assert_eq!(inbox.error().message, "model 'm' version 1 dropped the batch without an answer");
    }
    let inbox = server.ask(1);
    drop(take(&port).into_jobs());
    assert!(inbox.error().message.contains("'m' version 1 dropped the request"));
}

#[test]
fn only_a_decoupled_model_may_answer_more_or_less_than_once() {
    let server = Server::new(spec(8));
    let inboxes = [server.ask(1), server.ask(1)];
    let port = server.model.open_port();
    let mut job = take(&port).into_jobs().remove(0);
    assert_eq!(job.send(Ok(Response::default())).unwrap_err().code, Code::Unimplemented);
    job.finish(Err(Error::model("my own")));
    assert_eq!(inboxes[0].error().message, "my own");
    take(&port).into_jobs().remove(0).finish_without_response();
    assert!(inboxes[1].error().message.contains("gave no response"));

    let server = Server::new(ModelSpec { decoupled: true, ..spec(8) });
    let inbox = server.ask(1);
    let mut job = take(&server.model.open_port()).into_jobs().remove(0);
    for _ in 0..2 {
        let outputs = vec![floats("OUT", &[1, 2], &[0.0; 2])];
        job.send(Ok(Response { outputs, ..Response::default() })).unwrap();
    }
    assert_eq!(server.engine.in_flight(), 1);
    job.finish_without_response();
    assert_eq!((inbox.count(), inbox.finals(), server.engine.in_flight()), (3, 1, 0));
}

#[test]
fn ragged_inputs_of_different_extents_share_a_batch_as_one_row_of_elements() {
    let mut model = spec(8);
    model.scheduler = dynamic();
    model.signature.inputs[0].ragged = true;
    model.signature.inputs[0].dims = [-1].into_iter().collect();
    let server = Server::new(model);
    for length in [1, 3] {
        server.infer(with_inputs(vec![floats("IN", &[1, length], &vec![0.0; length as usize])]));
    }
    let batch = take(&server.model.open_port());
    assert_eq!((batch.size(), batch.inputs()[0].shape.as_slice()), (2, &[4][..]));
    assert_eq!(batch.inputs()[0].length, 16);
}
