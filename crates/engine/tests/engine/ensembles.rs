//! Ensembles: steps run in the order of their tensors, and every request is answered exactly once.

use std::sync::Arc;

use trilith_core::request::flags;
use trilith_core::{
    Code, CorrelationId, DataType, Error, Flow, Parameter, Request, RequestedOutput, Response, Signature,
    Tensor,
};
use trilith_engine::ensemble::{Graph, StepSpec};
use trilith_engine::{Model, Origin};

use crate::house::{House, ask, step};
use crate::support::{Inbox, echo, floats, spec, tensor_spec};

fn chain(house: &House) -> Arc<Model> {
    house.ensemble(
        &[step("a", &[("IN", "IN")], &[("OUT", "x")]), step("b", &[("IN", "x")], &[("OUT", "OUT")])],
        &["OUT"],
    )
}

fn respond(values: [f32; 2]) -> Response {
    Response { outputs: vec![floats("OUT", &[1, 2], &values)], ..Response::default() }
}

#[test]
fn a_tensor_goes_through_the_steps_without_being_copied() {
    let house = House::new(&["a", "b"]);
    chain(&house);
    let request = ask([1.0, 2.0]);
    let sent = request.inputs[0].payload.clone();
    let (inbox, _) = house.infer(request);
    let first = house.take("a");
    assert_eq!(
        first.jobs()[0].request().inputs[0].payload.as_slice().unwrap().as_ptr(),
        sent.as_slice().unwrap().as_ptr()
    );
    assert!(!house.has_work("b"));
    first.finish(vec![floats("OUT", &[1, 2], &[3.0, 4.0])]);
    let second = house.take("b");
    assert_eq!(second.jobs()[0].request().inputs[0], floats("IN", &[1, 2], &[3.0, 4.0]));
    echo(second);
    let response = inbox.result().unwrap();
    assert_eq!(response.outputs, [floats("OUT", &[1, 2], &[3.0, 4.0])]);
    assert_eq!((response.model.as_str(), response.id.as_str()), ("m", "7"));
    assert_eq!(response.parameters.get("sequence_id"), Some(&Parameter::Int(0)));
    assert_eq!(house.engine.in_flight(), 0);
}

#[test]
fn branches_run_at_once_and_meet_again() {
    let mut house = House::new(&["a", "b"]);
    let mut sum = spec(8);
    sum.signature.model = "sum".into();
    sum.signature.inputs.push(tensor_spec("IN2", DataType::Fp32, &[2]));
    house.add(sum);
    house.ensemble(
        &[
            step("sum", &[("IN", "x"), ("IN2", "y")], &[("OUT", "OUT")]),
            step("a", &[("IN", "IN")], &[("OUT", "x")]),
            step("b", &[("IN", "IN")], &[("OUT", "y")]),
        ],
        &["OUT"],
    );
    let (inbox, _) = house.infer(ask([1.0, 2.0]));
    let (left, right) = (house.take("a"), house.take("b"));
    echo(right);
    assert!(!house.has_work("sum"));
    echo(left);
    echo(house.take("sum"));
    assert!(inbox.result().is_ok());
}

#[test]
fn what_is_not_asked_for_does_not_run() {
    let house = House::new(&["a", "b", "c"]);
    // Triton ends in a deadlock where an output is a tensor between steps as well.
    house.ensemble(
        &[
            step("a", &[("IN", "IN")], &[("OUT", "x")]),
            step("b", &[("IN", "x")], &[("OUT", "y")]),
            step("c", &[("IN", "y")], &[("OUT", "z")]),
        ],
        &["x", "y", "z"],
    );
    let outputs = vec![RequestedOutput { name: "y".into(), ..RequestedOutput::default() }];
    let (inbox, _) = house.infer(Request { outputs, ..ask([1.0, 2.0]) });
    echo(house.take("a"));
    echo(house.take("b"));
    assert!(!house.has_work("c"));
    let names: Vec<_> = inbox.result().unwrap().outputs.into_iter().map(|output| output.name).collect();
    assert_eq!(names, ["y"]);
}

#[test]
fn an_error_names_the_step_and_comes_once_whatever_the_other_steps_do() {
    let house = House::new(&["a", "b"]);
    house.ensemble(
        &[step("a", &[("IN", "IN")], &[("OUT", "x")]), step("b", &[("IN", "IN")], &[("OUT", "y")])],
        &["x", "y"],
    );
    let (inbox, _) = house.infer(ask([1.0, 2.0]));
    let other = house.take("b");
    house.take("a").fail(&Error::model("it broke"));
    assert!(other.jobs()[0].is_cancelled());
    echo(other);
    let error = inbox.error();
    assert_eq!(
        (error.code, error.message.as_ref()),
        (Code::Internal, "in ensemble 'm', step[0] (model 'a'): it broke")
    );
    let statistics = house.engine.statistics(Some("m"), None).unwrap().remove(0);
    assert_eq!((statistics.fail.count, statistics.failures.other, statistics.success.count), (1, 1, 0));
}

#[test]
fn cancelling_reaches_the_queue_of_every_step_and_what_runs() {
    let house = House::new(&["a", "b"]);
    house.ensemble(
        &[step("a", &[("IN", "IN")], &[("OUT", "x")]), step("b", &[("IN", "IN")], &[("OUT", "y")])],
        &["x", "y"],
    );
    let (inbox, ticket) = house.infer(ask([1.0, 2.0]));
    let running = house.take("a");
    ticket.cancel();
    assert!(running.jobs()[0].is_cancelled());
    assert!(!house.has_work("b"));
    let error = inbox.error();
    assert_eq!(error.code, Code::Cancelled);
    echo(running);
    assert_eq!(house.engine.in_flight(), 0);
    let statistics = house.engine.statistics(Some("m"), None).unwrap().remove(0);
    assert_eq!(statistics.failures.canceled, 1);
}

#[test]
fn a_request_that_has_begun_ends_with_the_models_it_began_with() {
    let house = House::new(&["a", "b"]);
    chain(&house);
    let (inbox, _) = house.infer(ask([1.0, 2.0]));
    assert!(house.engine.withdraw("b", 1).is_some());
    house.engine.close();
    assert_eq!(house.models["b"].0.in_flight(), 1);
    echo(house.take("a"));
    echo(house.take("b"));
    assert!(inbox.result().is_ok());
    assert_eq!(house.models["b"].0.in_flight(), 0);
}

#[test]
fn a_model_that_is_gone_is_named() {
    let house = House::new(&["a", "b"]);
    chain(&house);
    house.engine.withdraw("b", 1);
    let error = house.infer(ask([1.0, 2.0])).0.error();
    assert!(error.message.starts_with("in ensemble 'm', step[1] (model 'b'): "), "{error}");
    assert!(!house.has_work("a"));
}

#[test]
fn what_the_client_says_of_its_request_reaches_every_step() {
    let house = House::new(&["a", "b"]);
    chain(&house);
    let mut request = ask([1.0, 2.0]);
    request.correlation_id = CorrelationId::Number(9);
    request.flags = flags::SEQUENCE_START;
    request.priority = 2;
    request.timeout_microseconds = 77;
    request.parameters.insert("key", Parameter::Int(3));
    let (inbox, _) = house.infer(request);
    for name in ["a", "b"] {
        let batch = house.take(name);
        let seen = batch.jobs()[0].request();
        assert_eq!((seen.id.as_str(), seen.flags, seen.priority, seen.timeout_microseconds), ("7", 1, 2, 77));
        assert_eq!(seen.correlation_id, CorrelationId::Number(9));
        assert_eq!(seen.parameters.get("key"), Some(&Parameter::Int(3)));
        echo(batch);
    }
    let response = inbox.result().unwrap();
    assert_eq!(response.parameters.get("sequence_id"), Some(&Parameter::Int(9)));
    assert_eq!(response.parameters.get("sequence_start"), Some(&Parameter::Bool(true)));
}

#[test]
fn statistics_count_the_ensemble_once_with_the_times_of_its_steps() {
    let house = House::new(&["a", "b"]);
    chain(&house);
    let request = Request { inputs: vec![floats("IN", &[3, 2], &[0.0; 6])], ..ask([0.0; 2]) };
    let (inbox, _) = house.infer(request);
    for name in ["a", "b"] {
        house.clock.advance(5);
        let mut batch = house.take(name);
        house.clock.advance(10);
        batch.mark_inputs_ready();
        house.clock.advance(100);
        batch.mark_executed();
        house.clock.advance(1000);
        echo(batch);
    }
    assert!(inbox.result().is_ok());
    let statistics = house.engine.statistics(Some("m"), None).unwrap().remove(0);
    assert_eq!((statistics.inference_count, statistics.execution_count), (3, 1));
    assert_eq!((statistics.success.count, statistics.success.nanoseconds), (1, 2230));
    let times = [statistics.compute_input, statistics.compute_infer, statistics.compute_output];
    assert_eq!(times.map(|time| (time.count, time.nanoseconds)), [(1, 20), (1, 200), (1, 2000)]);
    assert_eq!(statistics.batches[0].batch_size, 3);
    let step = house.engine.statistics(Some("a"), None).unwrap().remove(0);
    assert_eq!((step.inference_count, step.queue.nanoseconds), (3, 5));
}

#[test]
fn an_output_that_a_model_leaves_out_is_an_optional_input_left_out() {
    let mut house = House::new(&["a"]);
    let mut lenient = spec(8);
    lenient.signature.model = "b".into();
    lenient
        .signature
        .inputs
        .push(trilith_core::TensorSpec { optional: true, ..tensor_spec("MORE", DataType::Fp32, &[2]) });
    house.add(lenient);
    let mut generous = spec(8);
    generous.signature.model = "two".into();
    generous.signature.outputs.push(tensor_spec("MORE", DataType::Fp32, &[2]));
    house.add(generous);
    house.ensemble(
        &[
            step("two", &[("IN", "IN")], &[("OUT", "x"), ("MORE", "y")]),
            step("b", &[("IN", "x"), ("MORE", "y")], &[("OUT", "OUT")]),
        ],
        &["OUT"],
    );
    let (inbox, _) = house.infer(ask([1.0, 2.0]));
    house.take("two").finish(vec![floats("OUT", &[1, 2], &[1.0, 2.0])]);
    let batch = house.take("b");
    assert_eq!(batch.jobs()[0].request().inputs.len(), 1);
    echo(batch);
    assert!(inbox.result().is_ok());
}

#[test]
fn a_model_without_batches_sees_single_rows_without_their_batch_dimension() {
    let mut house = House::new(&["b"]);
    let mut single = spec(0);
    single.signature.model = "a".into();
    house.add(single);
    chain(&house);
    let (inbox, _) = house.infer(ask([1.0, 2.0]));
    let batch = house.take("a");
    assert_eq!(batch.jobs()[0].request().inputs[0].shape.as_slice(), [2]);
    echo(batch);
    let batch = house.take("b");
    assert_eq!(batch.jobs()[0].request().inputs[0].shape.as_slice(), [1, 2]);
    echo(batch);
    assert_eq!(inbox.result().unwrap().outputs[0].shape.as_slice(), [1, 2]);
}

#[test]
fn every_response_of_a_decoupled_step_goes_through_the_steps_behind_it_in_order() {
    let house = House::new(&["a*", "b"]);
    house.ensemble(
        &[step("a*", &[("IN", "IN")], &[("OUT", "x")]), step("b", &[("IN", "x")], &[("OUT", "OUT")])],
        &["OUT"],
    );
    let (inbox, _) = house.infer(ask([1.0, 2.0]));
    let mut job = house.take("a").into_jobs().remove(0);
    job.send(Ok(respond([1.0, 1.0]))).unwrap();
    job.send(Ok(respond([2.0, 2.0]))).unwrap();
    job.finish_without_response();
    let (first, second) = (house.take("b"), house.take("b"));
    echo(second);
    assert_eq!(inbox.count(), 0, "the first response comes first");
    echo(first);
    assert_eq!((inbox.count(), inbox.finals()), (2, 1));
    assert_eq!(inbox.values(), [1.0, 2.0]);
    let statistics = house.engine.statistics(Some("m"), None).unwrap().remove(0);
    assert_eq!((statistics.success.count, statistics.inference_count), (1, 1));
}

#[test]
fn a_decoupled_step_may_answer_nothing() {
    let house = House::new(&["a*", "b"]);
    house.ensemble(
        &[step("a*", &[("IN", "IN")], &[("OUT", "x")]), step("b", &[("IN", "x")], &[("OUT", "OUT")])],
        &["OUT"],
    );
    let (inbox, _) = house.infer(ask([1.0, 2.0]));
    house.take("a").into_jobs().remove(0).finish_without_response();
    assert_eq!((inbox.count(), inbox.finals()), (1, 1));
}

#[test]
fn a_decoupled_step_behind_another_answers_for_each_of_its_responses() {
    let house = House::new(&["a*", "b*"]);
    house.ensemble(
        &[step("a*", &[("IN", "IN")], &[("OUT", "x")]), step("b*", &[("IN", "x")], &[("OUT", "OUT")])],
        &["OUT"],
    );
    let (inbox, _) = house.infer(ask([1.0, 2.0]));
    let mut source = house.take("a").into_jobs().remove(0);
    source.send(Ok(respond([1.0, 1.0]))).unwrap();
    source.send(Ok(respond([2.0, 2.0]))).unwrap();
    let mut first = house.take("b").into_jobs().remove(0);
    let mut second = house.take("b").into_jobs().remove(0);
    second.send(Ok(respond([21.0, 0.0]))).unwrap();
    first.send(Ok(respond([11.0, 0.0]))).unwrap();
    assert_eq!(inbox.values(), [11.0]);
    second.finish_without_response();
    first.finish(Ok(respond([12.0, 0.0])));
    assert_eq!(inbox.values(), [11.0, 12.0, 21.0]);
    assert_eq!(inbox.finals(), 0);
    source.finish_without_response();
    assert_eq!((inbox.count(), inbox.finals()), (4, 1));
}

#[test]
fn a_decoupled_step_is_held_back_until_its_responses_have_left() {
    let house = House::new(&["a*", "b"]);
    house.ensemble(
        &[step("a*", &[("IN", "IN")], &[("OUT", "x")]), step("b", &[("IN", "x")], &[("OUT", "OUT")])],
        &["OUT"],
    );
    let client = Flow::new();
    house.infer(Request { flow: Some(client.clone()), ..ask([1.0, 2.0]) });
    let mut job = house.take("a").into_jobs().remove(0);
    let flow = job.request().flow.clone().expect("a bound");
    job.send(Ok(respond([1.0, 1.0]))).unwrap();
    assert_eq!(flow.read().answers, 0);
    echo(house.take("b"));
    assert_eq!(flow.read().answers, 1);
    // Who does not read holds the first step back as well.
    client.note_sent(usize::MAX / 2);
    assert!(!flow.has_room());
    job.finish_without_response();
}

#[test]
fn an_instance_that_waits_for_an_ensemble_waits_for_its_steps() {
    let house = House::new(&["a", "b"]);
    chain(&house);
    let inbox = Inbox::default();
    let (_, port) = &house.models["b"];
    // The only instance of 'b' asks an ensemble that needs it.
    house.engine.infer(Request { model: "b".into(), ..ask([1.0, 2.0]) }, Inbox::default().reply());
    let running = house.take("b");
    let origin = Origin { seat: Some(port.seat()), takes_many: false, sake: None };
    house.engine.infer_from(origin, ask([1.0, 2.0]), inbox.reply());
    echo(house.take("a"));
    let error = inbox.error();
    assert_eq!(error.code, Code::Unavailable);
    assert!(
        error.message.contains("step[1] (model 'b')") && error.message.contains("never answer"),
        "{error}"
    );
    echo(running);
}

#[test]
fn ensembles_that_need_each_other_end_with_an_error() {
    let house = House::new(&[]);
    house.ensemble(&[step("m", &[("IN", "IN")], &[("OUT", "OUT")])], &["OUT"]);
    let error = house.infer(ask([1.0, 2.0])).0.error();
    assert!(error.message.contains("more than 32 deep"), "{error}");
}

#[test]
fn a_step_may_be_an_ensemble() {
    let house = House::new(&["a", "b"]);
    let mut signature = spec(8).signature;
    signature.model = "inner".into();
    house.compose(signature, &[step("a", &[("IN", "IN")], &[("OUT", "OUT")])]);
    house.ensemble(
        &[step("inner", &[("IN", "IN")], &[("OUT", "x")]), step("b", &[("IN", "x")], &[("OUT", "OUT")])],
        &["OUT"],
    );
    let (inbox, _) = house.infer(ask([1.0, 2.0]));
    echo(house.take("a"));
    echo(house.take("b"));
    assert!(inbox.result().is_ok());
}

#[test]
fn an_output_that_does_not_fit_the_ensemble_is_named() {
    let mut house = House::new(&[]);
    let mut any = spec(8);
    any.signature.model = "a".into();
    any.signature.outputs[0].dims = [-1].into_iter().collect();
    house.add(any);
    house.ensemble(&[step("a", &[("IN", "IN")], &[("OUT", "OUT")])], &["OUT"]);
    let (inbox, _) = house.infer(ask([1.0, 2.0]));
    house.take("a").finish(vec![Tensor::new("OUT", DataType::Fp32, &[1, 3], vec![0; 12])]);
    assert_eq!(
        inbox.error().message,
        "model 'm' version 1 gave output 'OUT' with shape [1,3], [1,2] was expected"
    );
}

#[test]
fn graphs_that_cannot_run_are_refused() {
    let signature =
        Signature { outputs: vec![tensor_spec("OUT", DataType::Fp32, &[2])], ..spec(8).signature };
    let refusal = |steps: &[StepSpec]| Graph::new(&signature, steps).unwrap_err();
    let circle = refusal(&[
        step("a", &[("IN", "IN"), ("IN2", "y")], &[("OUT", "OUT")]),
        step("b", &[("IN", "OUT")], &[("OUT", "y")]),
    ]);
    assert!(circle.contains("waits for itself"));
    assert!(
        refusal(&[step("a", &[("IN", "lost")], &[("OUT", "OUT")])]).contains("nothing gives tensor 'lost'")
    );
    let twice =
        [step("a", &[("IN", "IN")], &[("OUT", "OUT")]), step("b", &[("IN", "IN")], &[("OUT", "OUT")])];
    assert!(refusal(&twice).contains("two places"));
    let mixed = [
        step("a*", &[("IN", "IN")], &[("OUT", "x")]),
        step("b", &[("IN", "IN"), ("IN2", "x")], &[("OUT", "OUT")]),
    ];
    assert!(refusal(&mixed).contains("different responses"));
}
