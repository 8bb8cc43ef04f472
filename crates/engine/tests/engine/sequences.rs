//! Sequences through the engine: controls, filled rows, states, and what is counted.

use std::task::Waker;

use bytes::Bytes;
use trilith_core::request::flags::{SEQUENCE_END, SEQUENCE_START};
use trilith_core::tensor::Shape;
use trilith_core::{Code, CorrelationId, DataType, Request, Response, Tensor};
use trilith_engine::{
    Batch, ControlKind, ControlSpec, ModelSpec, Port, SequenceSpec, SequenceStrategy, StateSpec,
};

use crate::support::{Alarm, Inbox, Server, floats, request, spec, take, tensor_spec, wait};

const IDLE: u64 = 1_000;

fn ready_control() -> ControlSpec {
    ControlSpec {
        name: "READY".to_owned(),
        datatype: DataType::Bool,
        kind: ControlKind::Ready,
        values: [Bytes::from_static(&[0]), Bytes::from_static(&[1])],
    }
}

fn state() -> StateSpec {
    StateSpec {
        input: tensor_spec("STATE_IN", DataType::Fp32, &[-1]),
        output: tensor_spec("STATE_OUT", DataType::Fp32, &[-1]),
        initial_dims: Shape::from_slice(&[2]),
        initial: None,
    }
}

fn server(sequence: SequenceSpec) -> Server {
    let sequence = Some(SequenceSpec { max_idle: IDLE, ..sequence });
    Server::new(ModelSpec { sequence, ..spec(4) })
}

fn controlled() -> Server {
    server(SequenceSpec { controls: vec![ready_control()], ..SequenceSpec::default() })
}

fn of(id: u64, flags: u32) -> Request {
    Request { correlation_id: CorrelationId::Number(id), flags, ..request(1) }
}

fn ask(server: &Server, id: u64, flags: u32) -> Inbox {
    server.infer(of(id, flags)).0
}

/// Values of an input over the whole batch, byte by byte.
fn bytes_of(batch: &Batch, name: &str) -> Vec<u8> {
    let inputs = batch.inputs();
    let input = inputs.iter().find(|input| input.spec.name == name).expect("the input");
    input.parts.iter().flat_map(|part| part.to_bytes()).collect()
}

fn zeros(name: &str, rows: usize) -> Tensor {
    floats(name, &[rows as i64, 2], &vec![0.0; rows * 2])
}

fn run(port: &Port) {
    let batch = take(port);
    let rows = batch.size();
    batch.finish(vec![zeros("OUT", rows)]);
}

#[test]
fn a_filled_row_is_marked_answers_nobody_and_counts_as_no_inference() {
    let server = controlled();
    let port = server.model.open_port();
    ask(&server, 1, SEQUENCE_START);
    ask(&server, 2, SEQUENCE_START);
    run(&port);
    let answer = ask(&server, 2, SEQUENCE_END);
    let batch = take(&port);
    assert_eq!(bytes_of(&batch, "READY"), [0, 1]);
    assert_eq!((batch.size(), bytes_of(&batch, "IN").len()), (2, 16));
    batch.finish(vec![zeros("OUT", 2)]);
    assert_eq!(answer.result().unwrap().outputs[0].shape.as_slice(), [1, 2]);
    let statistics = server.model.statistics();
    assert_eq!((statistics.inference_count, statistics.execution_count, statistics.success.count), (3, 2, 3));
    assert_eq!(server.model.in_flight(), 0);
}

#[test]
fn a_request_that_comes_wakes_the_instance_of_its_sequence() {
    let server = controlled();
    let (port, other) = (server.model.open_port(), server.model.open_port());
    let (alarm, waker) = Alarm::new();
    let (quiet, quiet_waker) = Alarm::new();
    assert_eq!(wait(&port, &waker), None);
    assert_eq!(wait(&other, &quiet_waker), None);
    ask(&server, 1, SEQUENCE_START);
    run(&port);
    assert_eq!(wait(&port, &waker), None);
    ask(&server, 1, 0);
    assert_eq!((alarm.count(), quiet.count()), (2, 0));
}

#[test]
fn a_state_goes_in_again_and_a_start_begins_anew() {
    let server = server(SequenceSpec { states: vec![state()], ..SequenceSpec::default() });
    let port = server.model.open_port();
    for (flags, expected) in [(SEQUENCE_START, 0.0), (0, 7.0), (SEQUENCE_START, 0.0)] {
        let inbox = ask(&server, 1, flags);
        let batch = take(&port);
        assert_eq!(bytes_of(&batch, "STATE_IN"), [expected, expected].map(f32::to_le_bytes).concat());
        batch.finish(vec![zeros("OUT", 1), floats("STATE_OUT", &[1, 2], &[7.0, 7.0])]);
        let names: Vec<_> = inbox.result().unwrap().outputs.into_iter().map(|output| output.name).collect();
        assert_eq!(names, ["OUT"]);
    }
}

#[test]
fn states_of_different_extents_share_no_batch() {
    let server = server(SequenceSpec { states: vec![state()], ..SequenceSpec::default() });
    let port = server.model.open_port();
    let asked = [ask(&server, 1, SEQUENCE_START), ask(&server, 2, SEQUENCE_START)];
    for (job, extent) in take(&port).into_jobs().into_iter().zip([1, 3]) {
        let outputs = vec![zeros("OUT", 1), floats("STATE_OUT", &[1, extent], &vec![0.0; extent as usize])];
        job.finish(Ok(Response { outputs, ..Response::default() }));
    }
    assert!(asked.iter().all(|inbox| inbox.result().is_ok()));
    ask(&server, 1, 0);
    ask(&server, 2, 0);
    let batch = take(&port);
    assert_eq!(bytes_of(&batch, "STATE_IN").len(), 4);
    batch.finish(vec![zeros("OUT", 1), floats("STATE_OUT", &[1, 1], &[0.0])]);
    assert_eq!(bytes_of(&take(&port), "STATE_IN").len(), 24);
}

#[test]
fn requests_that_belong_to_no_sequence_are_refused_and_not_counted() {
    let server = controlled();
    for request in [of(0, SEQUENCE_START), of(1, 0), Request { flags: 0, ..request(2) }] {
        assert_eq!(server.refusal(request).code, Code::InvalidArgument);
    }
    let text = CorrelationId::Text(String::new());
    let error = server.refusal(Request { correlation_id: text, ..of(1, SEQUENCE_START) });
    assert!(error.message.contains("must have a correlation id"), "{error}");
    assert_eq!(server.model.statistics().fail.count, 0);
}

#[test]
fn an_idle_sequence_ends_when_its_time_has_come() {
    let server = controlled();
    let port = server.model.open_port();
    ask(&server, 1, SEQUENCE_START);
    run(&port);
    wait(&port, Waker::noop());
    server.clock.advance(IDLE);
    server.engine.expire(IDLE);
    assert!(server.refusal(of(1, 0)).full_text().contains("idle too long"));
}

#[test]
fn a_sequence_ends_with_its_instance_and_says_so() {
    let server = controlled();
    let port = server.model.open_port();
    ask(&server, 1, SEQUENCE_START);
    run(&port);
    let left = ask(&server, 1, 0);
    drop(port);
    let error = left.error();
    assert_eq!(error.code, Code::Unavailable);
    assert!(error.full_text().contains("start the sequence again"), "{error}");
}

#[test]
fn cancelling_one_request_answers_those_that_need_it() {
    let server = controlled();
    let (first, ticket) = server.infer(of(1, SEQUENCE_START));
    let second = ask(&server, 1, 0);
    ticket.cancel();
    assert_eq!((first.error().code, second.error().code), (Code::Cancelled, Code::Cancelled));
    assert_eq!(server.model.in_flight(), 0);
}

#[test]
fn a_request_without_a_sequence_makes_one_where_it_is_iterative() {
    let strategy = SequenceStrategy::Oldest {
        max_candidate_sequences: 1,
        preferred_batch_sizes: Vec::new(),
        max_queue_delay: 0,
    };
    let controls = vec![ready_control()];
    let server = server(SequenceSpec { strategy, controls, iterative: true, ..SequenceSpec::default() });
    let port = server.model.open_port();
    let inbox = server.ask(1);
    for _ in 0..3 {
        let mut jobs = take(&port).into_jobs();
        assert_eq!(jobs[0].request().inputs.len(), 2);
        jobs.remove(0).hand_back();
        assert_eq!(inbox.count(), 0);
    }
    run(&port);
    assert!(inbox.result().is_ok());
    assert_eq!(server.model.statistics().success.count, 1);
    wait(&port, Waker::noop());
    ask(&server, 9, SEQUENCE_START);
    run(&port);
}

#[test]
fn handing_back_is_an_error_where_sequences_are_not_iterative() {
    let server = Server::new(spec(4));
    let port = server.model.open_port();
    let inbox = server.ask(1);
    take(&port).into_jobs().remove(0).hand_back();
    assert_eq!(inbox.error().code, Code::Internal);
}
