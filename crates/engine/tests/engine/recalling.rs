//! Words that were asked before.

use std::sync::Arc;

use bytes::Bytes;
use trilith_core::{Request, Response, Wording};
use trilith_engine::cache::local::LocalCache;
use trilith_engine::{
    Clock, Engine, EngineOptions, ManualClock, Model, ModelSpec, SchedulerSpec, SequenceSpec,
};

use crate::support::{Inbox, Server, echo, floats, request, spec, take};

fn cached() -> ModelSpec {
    ModelSpec { cached: true, ..spec(8) }
}

fn server(spec: ModelSpec, room: usize) -> Server {
    let clock = Arc::new(ManualClock::new());
    let engine = Engine::new(EngineOptions::default(), Arc::clone(&clock) as Arc<dyn Clock>);
    assert!(engine.set_cache(Arc::new(LocalCache::new(room, Box::new(|_| {})))));
    let model = Model::new(&engine, spec);
    assert!(engine.publish(Arc::clone(&model)).is_none());
    engine.open();
    Server { clock, engine, model }
}

fn words(text: &'static [u8]) -> Wording {
    Wording { form: 1, text: Bytes::from_static(text), note: 7 }
}

/// Asks in some words; whoever reads them finds the same request in all of them.
fn ask(server: &Server, words: Wording) -> Inbox {
    let id = String::from_utf8_lossy(&words.text).into_owned();
    let (inbox, _) = server.infer(Request { id, wording: Some(words), ..request(1) });
    if inbox.count() == 0 {
        echo(take(&server.model.open_port()));
    }
    inbox
}

/// The answer to words that were asked before.
fn recall(server: &Server, words: &Wording) -> Option<Response> {
    server.engine.recall(&server.model, words).map(|again| {
        assert_eq!(again.note, 7);
        again.response
    })
}

#[test]
fn words_are_known_once_their_answer_was_found_in_the_cache() {
    let server = server(cached(), 1 << 20);
    assert!(recall(&server, &words(b"one")).is_none());
    let missed = ask(&server, words(b"one")).result().unwrap();
    assert!(recall(&server, &words(b"one")).is_none());
    assert_eq!(ask(&server, words(b"one")).result().unwrap(), missed);
    assert_eq!(recall(&server, &words(b"one")), Some(missed));
    assert!(recall(&server, &words(b"on")).is_none());
    assert!(recall(&server, &Wording { form: 2, ..words(b"one") }).is_none());
}

#[test]
fn an_answer_has_the_id_that_its_words_say() {
    let server = server(cached(), 1 << 20);
    for text in [&b"first"[..], b"second", b"first"] {
        ask(&server, words(text));
    }
    assert_eq!(recall(&server, &words(b"first")).unwrap().id, "first");
    assert_eq!(recall(&server, &words(b"second")).unwrap().id, "second");
}

#[test]
fn it_counts_as_a_hit_and_as_nothing_where_the_words_have_to_be_read() {
    let server = server(cached(), 1 << 20);
    for _ in 0..2 {
        ask(&server, words(b"one"));
    }
    assert!(recall(&server, &words(b"one")).is_some());
    assert!(recall(&server, &words(b"two")).is_none());
    let counted = server.model.statistics();
    assert_eq!((counted.cache_hit.count, counted.cache_miss.count), (2, 1));
    assert_eq!((counted.success.count, counted.queue.count, counted.execution_count), (3, 3, 1));
    assert_eq!(server.engine.in_flight(), 0);
}

#[test]
fn what_left_the_cache_has_to_be_read_again() {
    // Room for one answer.
    let server = server(cached(), 600);
    for _ in 0..2 {
        ask(&server, words(b"one"));
    }
    assert!(recall(&server, &words(b"one")).is_some());
    let (other, _) = server.infer(crate::support::with_inputs(vec![floats("IN", &[1, 2], &[8.0, 9.0])]));
    echo(take(&server.model.open_port()));
    assert!(other.result().is_ok());
    assert!(recall(&server, &words(b"one")).is_none());
    assert_eq!(server.model.statistics().cache_hit.count, 2);
}

#[test]
fn another_load_of_a_model_and_a_server_that_ends_know_no_words() {
    let server = server(cached(), 1 << 20);
    for _ in 0..2 {
        ask(&server, words(b"one"));
    }
    let successor = Model::new(&server.engine, cached());
    assert!(server.engine.recall(&successor, &words(b"one")).is_none());
    assert!(recall(&server, &words(b"one")).is_some());
    server.engine.close();
    assert!(recall(&server, &words(b"one")).is_none());
}

#[test]
fn words_are_for_models_that_are_cached_and_keep_no_order() {
    let ordered = SchedulerSpec { dynamic: true, preserve_ordering: true, ..SchedulerSpec::default() };
    let sequence = Some(SequenceSpec { max_idle: 1 << 40, ..SequenceSpec::default() });
    let cases = [
        (cached(), true),
        (spec(8), false),
        (ModelSpec { scheduler: ordered, ..cached() }, false),
        (ModelSpec { sequence, ..cached() }, false),
        (ModelSpec { decoupled: true, ..cached() }, false),
    ];
    for (spec, takes) in cases {
        let server = server(spec, 1 << 20);
        assert_eq!(server.model.takes_words(100), takes);
        assert!(!server.model.takes_words(1 << 20));
    }
}

#[test]
fn words_that_are_too_long_or_asked_of_a_model_that_keeps_order_are_not_kept() {
    let scheduler = SchedulerSpec { dynamic: true, preserve_ordering: true, ..SchedulerSpec::default() };
    let long = || Wording { form: 1, text: vec![b'x'; 1 << 20].into(), note: 7 };
    for (spec, words) in [(cached(), long()), (ModelSpec { scheduler, ..cached() }, words(b"one"))] {
        let server = server(spec, 4 << 20);
        for _ in 0..3 {
            ask(&server, words.clone());
        }
        assert_eq!(server.model.statistics().cache_hit.count, 2);
        assert!(recall(&server, &words).is_none());
    }
}

#[test]
fn what_keeps_words_holds_a_copy_and_has_its_bound() {
    let server = server(cached(), 1 << 20);
    let lent = Bytes::from(vec![b'w'; 40_000]);
    let own = Wording { form: 1, text: lent.clone(), note: 7 };
    for _ in 0..2 {
        ask(&server, own.clone());
    }
    assert!(recall(&server, &own).is_some());
    drop(own);
    assert!(lent.is_unique());
    for number in 0..30_u8 {
        let other = Wording { form: 1, text: vec![number; 40_000].into(), note: 7 };
        ask(&server, other.clone());
        assert!(recall(&server, &other).is_some());
    }
    assert!(recall(&server, &Wording { form: 1, text: lent, note: 7 }).is_none());
}
