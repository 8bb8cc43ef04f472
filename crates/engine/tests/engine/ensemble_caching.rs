//! Ensembles whose answers are kept, and ensembles of models whose answers are.

use std::sync::Arc;

use trilith_core::{Code, CorrelationId, Request, Response};
use trilith_engine::cache::local::LocalCache;
use trilith_engine::{Cache, Model, ModelSpec};

use crate::house::{House, ask, step};
use crate::remote_cache::Remote;
use crate::support::{echo, floats, spec};

fn local() -> Arc<dyn Cache> {
    Arc::new(LocalCache::new(1 << 20, Box::new(|_| {})))
}

fn named(name: &str, cached: bool) -> ModelSpec {
    let mut made = ModelSpec { cached, ..spec(8) };
    name.clone_into(&mut made.signature.model);
    made
}

/// Ensemble `m` of `a` and `b`, which keeps its answers.
fn cached_chain(house: &House) -> Arc<Model> {
    house.compose_as(
        named("m", true),
        &[step("a", &[("IN", "IN")], &[("OUT", "x")]), step("b", &[("IN", "x")], &[("OUT", "OUT")])],
    )
}

fn run(house: &House) -> Response {
    let (inbox, _) = house.infer(ask([1.0, 2.0]));
    echo(house.take("a"));
    echo(house.take("b"));
    inbox.result().expect("an answer")
}

#[test]
fn an_ensembles_answer_is_given_again_without_its_steps() {
    let house = House::with_cache(&["a", "b"], Some(local()));
    let ensemble = cached_chain(&house);
    let first = run(&house);
    let (inbox, ticket) = house.infer(Request { id: "8".into(), ..ask([1.0, 2.0]) });
    assert_eq!(inbox.result().unwrap(), Response { id: "8".into(), ..first });
    assert!(ticket.was_refused());
    assert_eq!(house.engine.in_flight(), 0);
    let counted = ensemble.statistics();
    assert_eq!((counted.cache_hit.count, counted.cache_miss.count), (1, 1));
    assert_eq!((counted.success.count, counted.inference_count, counted.execution_count), (2, 1, 1));
    house.infer(ask([2.0, 1.0]));
    assert!(house.has_work("a"), "another question");
}

#[test]
fn an_ensemble_that_fails_is_run_again() {
    let house = House::with_cache(&["a", "b"], Some(local()));
    let ensemble = cached_chain(&house);
    let (inbox, _) = house.infer(ask([1.0, 2.0]));
    house.take("a").fail(&trilith_core::Error::model("no"));
    assert_eq!(inbox.error().code, Code::Internal);
    run(&house);
    assert_eq!(ensemble.statistics().cache_miss.count, 2);
}

#[test]
fn a_step_that_is_loaded_anew_makes_the_answer_another_one() {
    let mut house = House::with_cache(&["a", "b"], Some(local()));
    cached_chain(&house);
    run(&house);
    house.add(named("b", false));
    let (inbox, _) = house.infer(ask([1.0, 2.0]));
    echo(house.take("a"));
    house.take("b").finish(vec![floats("OUT", &[1, 2], &[3.0, 4.0])]);
    assert_eq!(inbox.result().unwrap().outputs[0], floats("OUT", &[1, 2], &[3.0, 4.0]));
}

#[test]
fn so_does_a_step_of_an_ensemble_inside() {
    let mut house = House::with_cache(&["a"], Some(local()));
    house.compose(named("inner", false).signature, &[step("a", &[("IN", "IN")], &[("OUT", "OUT")])]);
    house.compose_as(named("m", true), &[step("inner", &[("IN", "IN")], &[("OUT", "OUT")])]);
    let (inbox, _) = house.infer(ask([1.0, 2.0]));
    echo(house.take("a"));
    assert!(inbox.result().is_ok());
    house.add(named("a", false));
    house.infer(ask([1.0, 2.0]));
    assert!(house.has_work("a"));
}

#[test]
fn requests_of_a_sequence_always_run() {
    let house = House::with_cache(&["a", "b"], Some(local()));
    let ensemble = cached_chain(&house);
    for _ in 0..2 {
        let correlation_id = CorrelationId::Text("mine".into());
        let (inbox, _) = house.infer(Request { correlation_id, ..ask([1.0, 2.0]) });
        echo(house.take("a"));
        echo(house.take("b"));
        assert!(inbox.result().is_ok());
    }
    assert_eq!(ensemble.statistics().cache_miss.count, 0);
}

#[test]
fn a_step_that_keeps_its_answers_is_not_run_again() {
    let mut house = House::with_cache(&["b"], Some(local()));
    let first = house.add(named("a", true));
    house.ensemble(
        &[step("a", &[("IN", "IN")], &[("OUT", "x")]), step("b", &[("IN", "x")], &[("OUT", "OUT")])],
        &["OUT"],
    );
    let before = run(&house);
    let (inbox, _) = house.infer(ask([1.0, 2.0]));
    assert!(!house.has_work("a"));
    echo(house.take("b"));
    assert_eq!(inbox.result().unwrap(), before);
    assert_eq!(first.statistics().cache_hit.count, 1);
}

#[test]
fn a_cache_that_takes_its_time_is_waited_for_and_what_follows_can_be_cancelled() {
    let elsewhere = Arc::new(Remote::default());
    let house = House::with_cache(&["a", "b"], Some(Arc::clone(&elsewhere) as Arc<dyn Cache>));
    cached_chain(&house);
    let (early, ticket) = house.infer(ask([1.0, 2.0]));
    ticket.cancel();
    elsewhere.tell();
    assert_eq!(early.error().code, Code::Cancelled);
    let (late, ticket) = house.infer(ask([1.0, 2.0]));
    elsewhere.tell();
    assert!(house.has_work("a"));
    ticket.cancel();
    assert_eq!(late.error().code, Code::Cancelled);
    assert!(!house.has_work("a"));

    let (first, _) = house.infer(ask([1.0, 2.0]));
    elsewhere.tell();
    echo(house.take("a"));
    echo(house.take("b"));
    assert!(first.result().is_ok());
    let (again, _) = house.infer(ask([1.0, 2.0]));
    assert_eq!(again.count(), 0);
    elsewhere.tell();
    assert!(again.result().is_ok());
    assert_eq!(house.engine.in_flight(), 0);
}
