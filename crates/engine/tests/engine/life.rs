use std::sync::Arc;

use trilith_core::Code;
use trilith_engine::{Description, Engine, EngineOptions, ManualClock, Model, ModelSpec, State};

use crate::support::{Alarm, Inbox, Server, echo, request, spec, take};

fn version(version: i64) -> ModelSpec {
    let mut spec = spec(8);
    spec.signature.version = version;
    spec
}

fn engine(strict_readiness: bool) -> Arc<Engine> {
    let options = EngineOptions { strict_readiness, ..EngineOptions::default() };
    Engine::new(options, Arc::new(ManualClock::new()))
}

#[test]
fn requests_are_taken_between_open_and_close() {
    let engine = engine(false);
    engine.publish(Model::new(&engine, spec(8)));
    let refusal = || {
        let inbox = Inbox::default();
        engine.infer(request(1), inbox.reply());
        inbox.error()
    };
    assert!(!engine.is_ready());
    assert_eq!((refusal().code, &*refusal().message), (Code::Unavailable, "the server is starting"));
    engine.open();
    assert!(engine.is_ready());
    engine.close();
    assert!(!engine.is_ready());
    assert_eq!(refusal().message, "the server is shutting down");
}

#[test]
fn without_a_version_the_highest_ready_one_answers() {
    let engine = engine(false);
    for number in [1, 3, 2] {
        engine.publish(Model::new(&engine, version(number)));
    }
    assert_eq!(engine.ready_versions("m").unwrap(), [1, 2, 3]);
    assert_eq!(engine.model("m", None).unwrap().spec().signature.version, 3);
    engine.withdraw("m", 3);
    assert_eq!(engine.model("m", None).unwrap().spec().signature.version, 2);
    let error = engine.model("m", Some(3)).err().unwrap();
    // As for Triton's clients: it will not come back by itself.
    assert_eq!(error.code, Code::NotFound);
    assert_eq!(error.message, "model 'm' version 3 is not ready: it is unloading");
}

#[test]
fn an_old_version_finishes_its_requests_while_the_new_one_serves() {
    let server = Server::new(spec(8));
    let old_answer = server.ask(1);
    let new = Model::new(&server.engine, spec(8));
    let old = server.engine.publish(Arc::clone(&new)).unwrap();
    assert!(Arc::ptr_eq(&old, &server.model));
    let new_answer = server.ask(1);
    assert_eq!((old.in_flight(), new.in_flight(), server.engine.in_flight()), (1, 1, 2));

    let (alarm, waker) = Alarm::new();
    old.on_idle(waker);
    echo(take(&old.open_port()));
    assert_eq!((alarm.count(), old.in_flight()), (1, 0));
    echo(take(&new.open_port()));
    assert!(old_answer.result().is_ok() && new_answer.result().is_ok());
    let (alarm, waker) = Alarm::new();
    old.on_idle(waker);
    assert_eq!(alarm.count(), 1, "at once where nothing is in flight");
}

#[test]
fn the_index_tells_states_and_reasons() {
    let engine = engine(false);
    engine.publish(Model::new(&engine, spec(8)));
    engine.set_state("broken", None, State::Unavailable, "config.pbtxt is missing");
    engine.set_state("m", Some(2), State::Loading, "");
    let lines: Vec<_> =
        engine.index(false).into_iter().map(|entry| (entry.name, entry.version, entry.state)).collect();
    let expected = [
        ("broken".to_owned(), None, State::Unavailable),
        ("m".to_owned(), Some(1), State::Ready),
        ("m".to_owned(), Some(2), State::Loading),
    ];
    assert_eq!(lines, expected);
    assert_eq!(engine.index(true).len(), 1);
    let error = engine.model("broken", None).err().unwrap();
    assert_eq!(error.code, Code::NotFound);
    assert_eq!(error.message, "model 'broken' is not ready: it is unavailable (config.pbtxt is missing)");
    engine.forget("broken", None);
    engine.forget("m", Some(2));
    assert_eq!(engine.index(false).len(), 1);
    assert_eq!(engine.model("broken", None).err().unwrap().code, Code::NotFound);
}

#[test]
fn strict_readiness_asks_for_every_model() {
    let engine = engine(true);
    engine.open();
    engine.set_state("m", Some(1), State::Loading, "");
    assert!(!engine.is_ready(), "loading for the first time");
    engine.publish(Model::new(&engine, spec(8)));
    assert!(engine.is_ready());
    engine.set_state("m", Some(1), State::Loading, "");
    assert!(engine.is_ready(), "the earlier load still serves");
    engine.set_state("other", Some(1), State::Unavailable, "no such file");
    assert!(!engine.is_ready());
    engine.set_state("other", Some(1), State::Unavailable, "unloaded");
    assert!(engine.is_ready());
}

#[test]
fn a_model_that_was_displaced_does_not_take_its_successor_along() {
    let engine = engine(false);
    let (old, new) = (Model::new(&engine, version(1)), Model::new(&engine, version(1)));
    engine.publish(Arc::clone(&old));
    engine.publish(Arc::clone(&new));
    assert!(!engine.retire(&old));
    assert!(Arc::ptr_eq(&engine.model("m", None).unwrap(), &new));
    assert!(engine.retire(&new));
    assert!(!engine.retire(&new));
    assert!(engine.model("m", None).is_err());
}

#[test]
fn what_is_not_loaded_is_not_found() {
    let engine = engine(false);
    let code = |name| engine.model(name, None).err().unwrap().code;
    engine.set_state("listed", None, State::Unknown, "");
    engine.set_state("gone", Some(1), State::Unavailable, "unloaded");
    assert_eq!((code("listed"), code("gone")), (Code::NotFound, Code::NotFound));
    engine.set_state("listed", Some(2), State::Loading, "");
    let listed: Vec<_> = engine.index(false).into_iter().filter(|entry| entry.name == "listed").collect();
    assert_eq!(listed.len(), 1);
}

#[test]
fn another_configuration_can_be_shown() {
    let engine = engine(false);
    let model = Model::new(&engine, version(1));
    model.describe(Description { json: "{}".into(), proto: vec![1].into() });
    assert_eq!((&*model.described().json, &*model.described().proto), (&b"{}"[..], &[1][..]));
}
