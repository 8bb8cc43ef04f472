//! Instances of several models that share resources.

use std::sync::Arc;
use std::task::Waker;

use trilith_engine::{
    Clock, Demand, Engine, EngineOptions, ManualClock, Model, ModelSpec, Port, Resource, SchedulerSpec,
    Supply, Turn,
};

use crate::support::{Alarm, Inbox, echo, request, spec, take};

const FREE: Demand = Demand { resources: Vec::new(), priority: 0 };

fn limited(supplies: Vec<Supply>) -> Arc<Engine> {
    let options = EngineOptions { rate_limit: Some(supplies), ..EngineOptions::default() };
    let engine = Engine::new(options, Arc::new(ManualClock::new()) as Arc<dyn Clock>);
    engine.open();
    engine
}

fn serve(engine: &Arc<Engine>, name: &str, scheduler: SchedulerSpec) -> Arc<Model> {
    let mut spec = ModelSpec { scheduler, ..spec(8) };
    name.clone_into(&mut spec.signature.model);
    let model = Model::new(engine, spec);
    engine.publish(Arc::clone(&model));
    model
}

fn ask(engine: &Arc<Engine>, model: &str) -> Inbox {
    let inbox = Inbox::default();
    let request = trilith_core::Request { model: model.to_owned(), ..request(1) };
    engine.infer(request, inbox.reply());
    inbox
}

fn wants(count: u64) -> Demand {
    wants_on(None, count)
}

fn wants_on(device: Option<u32>, count: u64) -> Demand {
    Demand { resources: vec![(Resource { name: "R".into(), device }, count)], priority: 1 }
}

fn has_work(port: &Port, waker: &Waker) -> bool {
    matches!(port.next(waker), Turn::Batch(_))
}

#[test]
fn an_instance_waits_for_what_another_models_instance_holds_until_it_asks_again() {
    let engine = limited(vec![]);
    let (a, b) =
        (serve(&engine, "a", SchedulerSpec::default()), serve(&engine, "b", SchedulerSpec::default()));
    let (first, second) = (a.open_limited_port(wants(1)).unwrap(), b.open_limited_port(wants(1)).unwrap());
    let inboxes = [ask(&engine, "a"), ask(&engine, "b")];
    let batch = take(&first);
    let (alarm, waker) = Alarm::new();
    assert!(matches!(second.next(&waker), Turn::Wait { until: None }));
    echo(batch);
    assert_eq!(alarm.count(), 0, "what runs after its answer was given holds on to it");
    assert!(matches!(first.next(Waker::noop()), Turn::Wait { .. }));
    assert_eq!(alarm.count(), 1);
    echo(take(&second));
    assert!(inboxes.iter().all(|inbox| inbox.result().is_ok()));
}

#[test]
fn an_instance_that_is_gone_holds_nothing() {
    let engine = limited(vec![]);
    let model = serve(&engine, "a", SchedulerSpec::default());
    let (dying, waiting) =
        (model.open_limited_port(wants(2)).unwrap(), model.open_limited_port(wants(2)).unwrap());
    let _inboxes = [ask(&engine, "a"), ask(&engine, "a")];
    let batch = take(&dying);
    let (alarm, waker) = Alarm::new();
    assert!(matches!(waiting.next(&waker), Turn::Wait { .. }));
    drop(batch);
    drop(dying);
    assert_eq!(alarm.count(), 1);
    assert!(has_work(&waiting, &waker));
}

#[test]
fn another_instance_takes_what_one_that_waits_for_resources_was_woken_for() {
    let engine = limited(vec![]);
    let (busy, model) =
        (serve(&engine, "busy", SchedulerSpec::default()), serve(&engine, "a", SchedulerSpec::default()));
    let holder = busy.open_limited_port(wants_on(Some(0), 1)).unwrap();
    ask(&engine, "busy");
    let _held = take(&holder);
    let ports = [Some(1), Some(0)].map(|device| model.open_limited_port(wants_on(device, 1)).unwrap());
    let alarms: Vec<_> = ports
        .iter()
        .map(|port| {
            let (alarm, waker) = Alarm::new();
            assert!(matches!(port.next(&waker), Turn::Wait { .. }));
            (alarm, waker)
        })
        .collect();
    let inbox = ask(&engine, "a");
    assert_eq!(alarms[1].0.count(), 1, "the one that slept last is woken first");
    assert!(!has_work(&ports[1], &alarms[1].1));
    assert_eq!(alarms[0].0.count(), 1);
    echo(take(&ports[0]));
    assert!(inbox.result().is_ok());
}

#[test]
fn a_model_that_ends_wakes_those_that_wait_for_resources() {
    let engine = limited(vec![]);
    let (a, b) =
        (serve(&engine, "a", SchedulerSpec::default()), serve(&engine, "b", SchedulerSpec::default()));
    let (first, second) = (a.open_limited_port(wants(1)).unwrap(), b.open_limited_port(wants(1)).unwrap());
    let _inboxes = [ask(&engine, "a"), ask(&engine, "b")];
    let _held = take(&first);
    let (alarm, waker) = Alarm::new();
    assert!(matches!(second.next(&waker), Turn::Wait { .. }));
    b.close();
    assert_eq!(alarm.count(), 1);
    assert!(matches!(second.next(&waker), Turn::Closed));
}

#[test]
fn a_batch_that_may_still_grow_holds_nothing() {
    let scheduler = SchedulerSpec { dynamic: true, max_queue_delay: 1_000, ..SchedulerSpec::default() };
    let engine = limited(vec![]);
    let (a, b) = (serve(&engine, "a", scheduler), serve(&engine, "b", SchedulerSpec::default()));
    let (first, second) = (a.open_limited_port(wants(1)).unwrap(), b.open_limited_port(wants(1)).unwrap());
    let _inboxes = [ask(&engine, "a"), ask(&engine, "b")];
    assert!(matches!(first.next(Waker::noop()), Turn::Wait { until: Some(1_000) }));
    assert!(has_work(&second, Waker::noop()));
}

#[test]
fn what_would_never_run_is_refused_and_says_what_to_start_with() {
    let supply = Supply { name: "R".into(), device: None, count: 1 };
    let engine = limited(vec![supply]);
    let model = serve(&engine, "a", SchedulerSpec::default());
    let error = model.open_limited_port(wants(2)).err().unwrap();
    assert_eq!(
        error.message,
        "an instance of model 'a' version 1 asks for 2 of resource 'R', and there are 1: it would never run"
    );
    assert!(error.full_text().contains("--rate-limit-resource=R:2"));
    let _port = model.open_limited_port(wants(1)).unwrap();
    let error = model.open_limited_port(wants_on(Some(0), 1)).err().unwrap();
    assert!(error.message.contains("whole server's for one instance and a device's for another"));
}

#[test]
fn an_instance_that_still_loads_is_counted_with_what_it_will_ask_for() {
    let engine = limited(vec![]);
    let model = serve(&engine, "a", SchedulerSpec::default());
    let reserved = model.reserve(wants(1)).unwrap();
    assert!(model.reserve(wants_on(Some(0), 1)).is_err());
    let _inbox = ask(&engine, "a");
    assert!(has_work(&model.open_reserved_port(reserved), Waker::noop()));
    assert!(model.reserve(wants_on(Some(0), 1)).is_ok(), "the first was given up with its port");
}

#[test]
fn without_a_limit_instances_ask_for_nothing() {
    let engine = Engine::new(EngineOptions::default(), Arc::new(ManualClock::new()) as Arc<dyn Clock>);
    engine.open();
    let model = serve(&engine, "a", SchedulerSpec::default());
    let ports = [1, 1].map(|count| model.open_limited_port(wants(count)).unwrap());
    let _inboxes = [ask(&engine, "a"), ask(&engine, "a")];
    let _batches = ports.each_ref().map(take);
}

#[test]
fn an_instance_without_resources_runs_beside_all_others() {
    let engine = limited(vec![]);
    let (a, b) =
        (serve(&engine, "a", SchedulerSpec::default()), serve(&engine, "b", SchedulerSpec::default()));
    let (first, second) = (a.open_limited_port(wants(1)).unwrap(), b.open_limited_port(FREE).unwrap());
    let _inboxes = [ask(&engine, "a"), ask(&engine, "b")];
    let _held = take(&first);
    echo(take(&second));
}
