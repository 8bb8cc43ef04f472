//! Threads that work in rounds: what arrives together runs together, and nothing waits for what does not come.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::thread;

use trilith_core::Request;
use trilith_engine::{Model, ModelSpec, Port, Turn, Vigil, round};

use crate::support::{Alarm, Server, dynamic, echo, request, spec, take, wait};

/// What an event loop is to this crate: somebody who polls what ends its rounds.
struct Loop {
    rounds: Pin<Box<dyn Future<Output = ()>>>,
    /// Whether the end of the round is due.
    alarm: Arc<Alarm>,
    waker: Waker,
}

impl Loop {
    fn new() -> Self {
        let (alarm, waker) = Alarm::new();
        let mut new = Self { rounds: Box::pin(round::keep()), alarm, waker };
        new.end_round();
        new
    }

    fn end_round(&mut self) {
        assert!(self.rounds.as_mut().poll(&mut Context::from_waker(&self.waker)).is_pending());
    }

    /// A round in which so many requests come.
    fn turn(&mut self, server: &Server, requests: usize) {
        (0..requests).for_each(|_| drop(server.ask(1)));
        self.end_round();
    }
}

/// Runs a test on a thread of its own, since rounds belong to threads.
fn alone(test: impl FnOnce() + Send + 'static) {
    thread::spawn(test).join().expect("the assertions hold");
}

/// An idle port of a model that has just served a round of so many requests.
fn after_a_round_of(requests: usize, server: &Server, one: &mut Loop) -> (Port, Arc<Alarm>) {
    let port = server.model.open_port();
    one.turn(server, requests);
    serve_all(&port);
    let (alarm, waker) = Alarm::new();
    assert_eq!(wait(&port, &waker), None);
    (port, alarm)
}

fn serve_all(port: &Port) {
    while let Turn::Batch(batch) = port.next(Waker::noop()) {
        echo(*batch);
    }
}

#[test]
fn what_comes_in_one_round_becomes_one_batch_at_its_end() {
    alone(|| {
        let (server, mut one) = (Server::batching(dynamic()), Loop::new());
        let (port, alarm) = after_a_round_of(8, &server, &mut one);
        (0..3).for_each(|_| drop(server.ask(1)));
        assert_eq!(alarm.count(), 0, "more may come");
        assert_eq!(wait(&port, Waker::noop()), None, "nobody takes it before the others");
        one.end_round();
        assert_eq!(take(&port).size(), 3);
    });
}

#[test]
fn the_end_of_a_round_wakes_who_waits_for_it() {
    alone(|| {
        let (server, mut one) = (Server::batching(dynamic()), Loop::new());
        let (_port, alarm) = after_a_round_of(8, &server, &mut one);
        let calls = one.alarm.count();
        server.ask(1);
        assert_eq!(one.alarm.count(), calls + 1, "the loop is told that its round must end");
        assert_eq!(alarm.count(), 0);
        one.end_round();
        assert_eq!(alarm.count(), 1);
    });
}

#[test]
fn an_instance_begins_when_most_of_what_the_round_before_brought_is_there() {
    alone(|| {
        let (server, mut one) = (Server::batching(dynamic()), Loop::new());
        let (port, alarm) = after_a_round_of(8, &server, &mut one);
        (0..5).for_each(|_| drop(server.ask(1)));
        assert_eq!(alarm.count(), 0);
        server.ask(1);
        assert_eq!(alarm.count(), 1, "six of eight");
        assert_eq!(take(&port).size(), 6);
    });
}

#[test]
fn a_batch_that_is_full_does_not_wait() {
    alone(|| {
        let (server, mut one) = (Server::batching(dynamic()), Loop::new());
        let (port, alarm) = after_a_round_of(20, &server, &mut one);
        (0..8).for_each(|_| drop(server.ask(1)));
        assert_eq!(alarm.count(), 1);
        assert_eq!(take(&port).size(), 8);
    });
}

#[test]
fn one_request_after_the_other_is_never_held_back() {
    alone(|| {
        let (server, mut one) = (Server::batching(dynamic()), Loop::new());
        let (_port, alarm) = after_a_round_of(1, &server, &mut one);
        server.ask(1);
        assert_eq!(alarm.count(), 1);
    });
}

#[test]
fn without_a_batcher_nothing_is_held_back() {
    alone(|| {
        let (server, mut one) = (Server::new(spec(8)), Loop::new());
        let (_port, alarm) = after_a_round_of(8, &server, &mut one);
        server.ask(1);
        assert_eq!(alarm.count(), 1);
    });
}

#[test]
fn a_thread_without_rounds_holds_nothing_back() {
    alone(|| {
        let (server, mut one) = (Server::batching(dynamic()), Loop::new());
        let (_port, alarm) = after_a_round_of(8, &server, &mut one);
        let engine = Arc::clone(&server.engine);
        thread::spawn(move || engine.infer(request(1), Box::new(|_| ()))).join().expect("it is sent");
        assert_eq!(alarm.count(), 1);
    });
}

#[test]
fn whoever_is_about_to_do_something_long_lets_go_of_what_is_held_back() {
    alone(|| {
        let (server, mut one) = (Server::batching(dynamic()), Loop::new());
        let (port, alarm) = after_a_round_of(8, &server, &mut one);
        server.ask(1);
        round::before_reading(1000);
        assert_eq!(alarm.count(), 0, "that is read in no time");
        round::before_reading(1 << 20);
        assert_eq!(alarm.count(), 1);
        assert_eq!(take(&port).size(), 1);
        server.ask(1);
        round::end();
        assert_eq!(take(&port).size(), 1);
        server.ask(1);
        Vigil::default().keep(|| Some(()));
        assert_eq!(take(&port).size(), 1, "looking ends a round");
    });
}

#[test]
fn what_is_held_back_can_be_withdrawn_and_ends_with_its_model() {
    alone(|| {
        let (server, mut one) = (Server::batching(dynamic()), Loop::new());
        let (_port, alarm) = after_a_round_of(8, &server, &mut one);
        let (inbox, ticket) = server.infer(request(1));
        ticket.cancel();
        assert!(inbox.result().is_err());
        let inbox = server.ask(1);
        server.model.close();
        assert!(inbox.result().is_err());
        assert_eq!(alarm.count(), 1, "the port learns of the end");
        one.end_round();
    });
}

#[test]
fn rounds_of_several_models_end_together() {
    alone(|| {
        let (server, mut one) = (Server::batching(dynamic()), Loop::new());
        let (first, _) = after_a_round_of(8, &server, &mut one);
        let mut other = spec(8);
        other.signature.model = "other".to_owned();
        let other = Model::new(&server.engine, ModelSpec { scheduler: dynamic(), ..other });
        server.engine.publish(Arc::clone(&other));
        let second = other.open_port();
        server.ask(1);
        server.engine.infer(Request { model: "other".to_owned(), ..request(1) }, Box::new(|_| ()));
        assert_eq!(wait(&second, Waker::noop()), None);
        one.end_round();
        assert_eq!((take(&first).size(), take(&second).size()), (1, 1));
    });
}

#[test]
fn what_one_loop_lets_go_of_is_not_held_back_by_another() {
    alone(|| {
        let (server, mut one) = (Server::batching(dynamic()), Loop::new());
        let (port, alarm) = after_a_round_of(8, &server, &mut one);
        thread::scope(|scope| {
            let other = scope.spawn(|| {
                let mut other = Loop::new();
                other.turn(&server, 8);
                serve_all(&port);
                assert_eq!(wait(&port, Waker::noop()), None);
                (0..4).for_each(|_| drop(server.ask(1)));
                other.end_round();
                // This round begins before the instance has come for what the last one brought.
                server.ask(1);
                assert_eq!(take(&port).size(), 5);
                server.ask(1);
                assert_eq!(wait(&port, Waker::noop()), None, "what comes now is held back");
                other.end_round();
            });
            other.join().expect("the assertions hold");
        });
        assert_eq!(take(&port).size(), 1);
        drop(alarm);
    });
}
