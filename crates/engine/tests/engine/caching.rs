//! Answers that are given again.

use std::sync::Arc;

use bytes::Bytes;
use trilith_core::{Code, Error, Request, RequestedOutput, Response, Tensor};
use trilith_engine::cache::local::LocalCache;
use trilith_engine::cache::{Found, Key};
use trilith_engine::statistics::{LatencyOptions, ModelStatistics};
use trilith_engine::{
    Cache, Clock, Engine, EngineOptions, ManualClock, Model, ModelSpec, Port, SchedulerSpec, SequenceSpec,
};

use crate::remote_cache::Remote;
use crate::support::{Inbox, Server, echo, floats, request, spec, take, wait, with_inputs};

fn cached() -> ModelSpec {
    ModelSpec { cached: true, ..spec(8) }
}

fn server_with(cache: Arc<dyn Cache>, spec: ModelSpec) -> Server {
    let clock = Arc::new(ManualClock::new());
    let latencies = LatencyOptions { summaries: true, ..LatencyOptions::default() };
    let options = EngineOptions { latencies, ..EngineOptions::default() };
    let engine = Engine::new(options, Arc::clone(&clock) as Arc<dyn Clock>);
    assert!(engine.set_cache(cache));
    let model = Model::new(&engine, spec);
    assert!(engine.publish(Arc::clone(&model)).is_none());
    engine.open();
    Server { clock, engine, model }
}

fn local(spec: ModelSpec) -> Server {
    server_with(Arc::new(LocalCache::new(1 << 20, Box::new(|_| {}))), spec)
}

fn asking(values: [f32; 2]) -> Request {
    with_inputs(vec![floats("IN", &[1, 2], &values)])
}

fn statistics(server: &Server) -> ModelStatistics {
    server.model.statistics()
}

#[track_caller]
fn is_idle(port: &Port) {
    assert_eq!(wait(port, std::task::Waker::noop()), None);
}

#[test]
fn the_same_question_is_answered_again_without_the_model_and_with_the_clients_own_id() {
    let server = local(cached());
    let port = server.model.open_port();
    let first = server.infer(asking([1.0, 2.0])).0;
    echo(take(&port));
    let first = first.result().unwrap();
    let (again, ticket) = server.infer(Request { id: "43".into(), ..asking([1.0, 2.0]) });
    assert_eq!(again.result().unwrap(), Response { id: "43".into(), ..first });
    ticket.cancel();
    is_idle(&port);
    assert_eq!((server.engine.in_flight(), again.count()), (0, 0));
    let other = server.infer(asking([2.0, 1.0])).0;
    echo(take(&port));
    assert_eq!(other.result().unwrap().outputs[0], floats("OUT", &[1, 2], &[2.0, 1.0]));
}

#[test]
fn a_hit_counts_as_a_success_that_computed_nothing_and_a_miss_takes_its_storing() {
    /// Takes a while for each thing it does.
    struct Slow(Arc<ManualClock>, LocalCache);
    impl Cache for Slow {
        fn look_up(&self, key: &Key) -> Found {
            self.0.advance(1_000);
            self.1.look_up(key)
        }
        fn store(&self, key: &Key, response: &Response) {
            self.0.advance(20_000);
            self.1.store(key, response);
        }
    }
    let clock = Arc::new(ManualClock::new());
    let engine = Engine::new(EngineOptions::default(), Arc::clone(&clock) as Arc<dyn Clock>);
    let slow = Slow(Arc::clone(&clock), LocalCache::new(1 << 20, Box::new(|_| {})));
    assert!(engine.set_cache(Arc::new(slow)));
    let model = Model::new(&engine, cached());
    assert!(engine.publish(Arc::clone(&model)).is_none());
    engine.open();
    let server = Server { clock, engine, model };
    let port = server.model.open_port();
    server.ask(1);
    server.clock.advance(300_000);
    echo(take(&port));
    for _ in 0..2 {
        server.ask(1);
    }
    let counted = statistics(&server);
    assert_eq!((counted.inference_count, counted.execution_count), (1, 1));
    assert_eq!((counted.success.count, counted.queue.count, counted.compute_infer.count), (3, 3, 1));
    assert_eq!((counted.cache_hit.count, counted.cache_hit.nanoseconds), (2, 2_000));
    assert_eq!((counted.cache_miss.count, counted.cache_miss.nanoseconds), (1, 21_000));
    assert_eq!(counted.success.nanoseconds, 1_000 + 300_000 + 20_000 + 2 * 1_000);
}

#[test]
fn summaries_of_hits_and_misses_are_those_of_models_that_use_the_cache() {
    let server = local(cached());
    let port = server.model.open_port();
    server.ask(1);
    echo(take(&port));
    server.ask(1);
    let counts = |kind: &str, counted: &ModelStatistics| {
        counted.latencies.iter().find(|latency| latency.kind == kind).map(|latency| latency.count)
    };
    let counted = statistics(&server);
    assert!(counted.cached);
    assert_eq!([counts("request", &counted), counts("queue", &counted)], [Some(2), Some(2)]);
    assert_eq!([counts("cache_hit", &counted), counts("cache_miss", &counted)], [Some(1), Some(1)]);
    assert_eq!(counts("compute_infer", &counted), Some(1));
    assert_eq!(counts("cache_hit", &statistics(&local(spec(8)))), None);
}

#[test]
fn only_a_model_that_asks_for_it_and_answers_each_request_once_and_alone_is_cached() {
    let sequences = SequenceSpec { max_idle: 1 << 40, ..SequenceSpec::default() };
    let in_sequences =
        || Request { correlation_id: trilith_core::CorrelationId::Number(1), flags: 3, ..request(1) };
    let cases = [
        (spec(8), request(1)),
        (ModelSpec { decoupled: true, ..cached() }, request(1)),
        (ModelSpec { sequence: Some(sequences), ..cached() }, in_sequences()),
    ];
    for (spec, question) in cases {
        let server = local(spec);
        let port = server.model.open_port();
        for _ in 0..2 {
            server.infer(question.clone());
            echo(take(&port));
        }
        assert_eq!(statistics(&server).cache_hit.count + statistics(&server).cache_miss.count, 0);
    }
}

#[test]
fn errors_are_never_kept_and_every_look_up_is_a_hit_or_a_miss() {
    let server = local(cached());
    let port = server.model.open_port();
    let own = server.ask(1);
    take(&port).into_jobs().remove(0).finish(Err(Error::model("unlucky")));
    assert_eq!(own.error().message, "unlucky");
    let failed = server.ask(1);
    take(&port).fail(&Error::model("boom"));
    assert_eq!(failed.error().message, "boom");
    let wrong = server.ask(1);
    take(&port).finish(vec![]);
    assert_eq!(wrong.result().unwrap().outputs, []);
    assert_eq!(statistics(&server).cache_miss.count, 3);
    let again = server.ask(1);
    assert_eq!(again.result().unwrap().outputs, []);
    assert_eq!(statistics(&server).cache_hit.count, 1);
}

#[test]
fn a_model_that_is_loaded_anew_gives_no_answers_of_the_one_before() {
    let server = local(cached());
    server.ask(1);
    echo(take(&server.model.open_port()));
    let successor = Model::new(&server.engine, cached());
    assert!(server.engine.publish(Arc::clone(&successor)).is_some());
    let inbox = server.ask(1);
    take(&successor.open_port()).finish(vec![floats("OUT", &[1, 2], &[9.0, 9.0])]);
    assert_eq!(inbox.result().unwrap().outputs[0], floats("OUT", &[1, 2], &[9.0, 9.0]));
}

#[test]
fn the_selection_of_outputs_and_its_order_are_part_of_the_question() {
    let mut model = cached();
    model.signature.outputs.push(crate::support::tensor_spec("SUM", trilith_core::DataType::Fp32, &[1]));
    let server = local(model);
    let port = server.model.open_port();
    let selections: [&[&str]; 3] = [&["SUM", "OUT"], &["OUT"], &[]];
    for round in 0..2 {
        for names in selections {
            let outputs = names
                .iter()
                .map(|name| RequestedOutput { name: (*name).to_owned(), ..RequestedOutput::default() })
                .collect();
            let inbox = server.infer(Request { outputs, ..request(1) }).0;
            if round == 0 {
                let outputs = vec![floats("SUM", &[1, 1], &[3.0]), floats("OUT", &[1, 2], &[1.0, 2.0])];
                take(&port).finish(outputs);
            }
            let given: Vec<_> =
                inbox.result().unwrap().outputs.into_iter().map(|output| output.name).collect();
            assert_eq!(given, if names.is_empty() { &["OUT", "SUM"][..] } else { names });
        }
    }
}

#[test]
fn an_answer_from_the_cache_keeps_the_order_that_its_model_keeps() {
    let scheduler = SchedulerSpec { dynamic: true, preserve_ordering: true, ..SchedulerSpec::default() };
    let server = local(ModelSpec { scheduler, ..cached() });
    let port = server.model.open_port();
    server.infer(asking([1.0, 2.0]));
    echo(take(&port));
    let waiting = server.infer(asking([3.0, 4.0])).0;
    let known = server.infer(asking([1.0, 2.0])).0;
    assert_eq!((waiting.count(), known.count()), (0, 0));
    echo(take(&port));
    assert!(waiting.result().is_ok() && known.result().is_ok());
    assert_eq!(server.engine.in_flight(), 0);
}

#[test]
fn inputs_that_may_change_are_copied_before_they_are_hashed() {
    let server = local(cached());
    let port = server.model.open_port();
    let lent = Bytes::from(vec![0_u8; 8]);
    let volatile = || Request {
        is_volatile: true,
        ..with_inputs(vec![Tensor::new("IN", trilith_core::DataType::Fp32, &[1, 2], lent.clone())])
    };
    server.infer(volatile());
    assert!(lent.is_unique());
    echo(take(&port));
    assert!(server.ask(1).result().is_ok());
}

#[test]
fn a_cache_that_takes_its_time_is_waited_for_without_a_thread() {
    let remote = Arc::new(Remote::default());
    let server = server_with(Arc::clone(&remote) as Arc<dyn Cache>, cached());
    let port = server.model.open_port();
    let first = server.ask(1);
    is_idle(&port);
    server.clock.advance(5_000);
    remote.tell();
    echo(take(&port));
    assert!(first.result().is_ok());
    let again = server.ask(1);
    assert_eq!(again.count(), 0);
    remote.tell();
    assert!(again.result().is_ok());
    let counted = statistics(&server);
    assert_eq!((counted.cache_hit.count, counted.cache_miss.count), (1, 1));
    assert_eq!((counted.cache_miss.nanoseconds, counted.execution_count), (5_000, 1));
}

#[test]
fn a_request_that_is_cancelled_while_its_answer_is_looked_up_is_answered_once() {
    let remote = Arc::new(Remote::default());
    let server = server_with(Arc::clone(&remote) as Arc<dyn Cache>, cached());
    let port = server.model.open_port();
    let (inbox, ticket) = server.infer(request(1));
    assert!(!ticket.was_refused());
    ticket.cancel();
    assert_eq!(inbox.count(), 0);
    remote.tell();
    assert_eq!(inbox.error().code, Code::Cancelled);
    is_idle(&port);

    let (inbox, ticket) = server.infer(request(1));
    remote.tell();
    ticket.cancel();
    assert_eq!(inbox.error().code, Code::Cancelled);
    is_idle(&port);
    assert_eq!(server.engine.in_flight(), 0);
}

#[test]
fn a_look_up_that_is_never_told_of_answers_its_request_with_an_error() {
    let remote = Arc::new(Remote::default());
    let server = server_with(Arc::clone(&remote) as Arc<dyn Cache>, cached());
    let inbox: Inbox = server.ask(1);
    remote.asked.lock().clear();
    assert!(inbox.error().message.contains("ended without an answer"));
    assert_eq!(server.engine.in_flight(), 0);
}
