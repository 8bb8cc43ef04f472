use std::task::Waker;

use trilith_core::{Code, DataType, Request, Tensor};
use trilith_engine::{ModelSpec, QueuePolicy, SchedulerSpec, Turn};

use crate::support::{
    Alarm, Server, dynamic, echo, floats, request, spec, take, tensor_spec, wait, with_inputs,
};

#[test]
fn a_request_wakes_one_idle_port_and_the_next_only_when_it_is_of_use() {
    let server = Server::batching(dynamic());
    let ports = [server.model.open_port(), server.model.open_port()];
    let alarms = ports.each_ref().map(|port| {
        let (alarm, waker) = Alarm::new();
        assert_eq!(wait(port, &waker), None);
        alarm
    });
    let woken = || alarms.iter().map(|alarm| alarm.count()).sum::<usize>();
    server.ask(4);
    assert_eq!(woken(), 1);
    server.ask(4);
    assert_eq!(woken(), 1, "the woken port can take both");
    server.ask(1);
    assert_eq!(woken(), 2, "nine do not fit into one batch of eight");
    assert_eq!(take(&ports[0]).size(), 8);
    assert_eq!(take(&ports[1]).size(), 1);
}

#[test]
fn without_a_batcher_each_request_runs_alone_and_wakes_its_own_port() {
    let server = Server::new(spec(8));
    let ports = [server.model.open_port(), server.model.open_port()];
    let alarms = ports.each_ref().map(|port| {
        let (alarm, waker) = Alarm::new();
        wait(port, &waker);
        alarm
    });
    for _ in 0..3 {
        server.ask(1);
    }
    assert!(alarms.iter().all(|alarm| alarm.count() == 1));
    assert!(ports.iter().all(|port| take(port).jobs().len() == 1));
}

#[test]
fn one_port_watches_the_clock_while_a_batch_is_collected() {
    let server =
        Server::batching(SchedulerSpec { max_queue_delay: 100, preferred_batch_sizes: vec![4], ..dynamic() });
    let ports = [server.model.open_port(), server.model.open_port()];
    server.clock.advance(5);
    let inbox = server.ask(1);
    let (alarm, waker) = Alarm::new();
    assert_eq!(wait(&ports[0], &waker), Some(105));
    assert_eq!(wait(&ports[1], Waker::noop()), None);
    server.ask(1);
    assert_eq!(alarm.count(), 0, "two are not four");
    server.ask(2);
    assert_eq!(alarm.count(), 1);
    let batch = take(&ports[0]);
    assert_eq!(batch.size(), 4);
    echo(batch);
    assert!(inbox.result().is_ok());

    server.ask(1);
    assert_eq!(wait(&ports[0], &waker), Some(105));
    server.clock.advance(100);
    assert_eq!(take(&ports[0]).size(), 1);
}

#[test]
fn a_port_that_goes_passes_its_duty_on() {
    let server = Server::batching(SchedulerSpec { max_queue_delay: 100, ..dynamic() });
    let (first, second) = (server.model.open_port(), server.model.open_port());
    let (alarm, waker) = Alarm::new();
    wait(&second, &waker);
    server.ask(1);
    assert_eq!(alarm.count(), 1);
    assert_eq!(wait(&first, Waker::noop()), Some(100));
    wait(&second, &waker);
    drop(first);
    assert_eq!(alarm.count(), 2);
    assert_eq!(wait(&second, &waker), Some(100));
}

#[test]
fn requests_that_differ_in_shape_or_optional_inputs_do_not_share_a_batch() {
    let mut model = ModelSpec { scheduler: dynamic(), ..spec(8) };
    model.signature.inputs[0].dims = [-1].into_iter().collect();
    let mut mask = tensor_spec("MASK", DataType::Bool, &[1]);
    mask.optional = true;
    model.signature.inputs.push(mask);
    let server = Server::new(model);
    let ask = |length: usize, masked: bool| {
        let mut inputs = vec![floats("IN", &[1, length as i64], &vec![0.0; length])];
        inputs.extend(masked.then(|| Tensor::new("MASK", DataType::Bool, &[1, 1], vec![1])));
        server.infer(with_inputs(inputs))
    };
    for (length, masked) in [(2, false), (2, false), (3, false), (3, true)] {
        ask(length, masked);
    }
    let port = server.model.open_port();
    let sizes = [take(&port).size(), take(&port).size(), take(&port).size()];
    assert_eq!(sizes, [2, 1, 1]);
}

#[test]
fn higher_priorities_run_first() {
    let server = Server::batching(SchedulerSpec {
        priority_levels: 2,
        default_priority_level: 2,
        ..SchedulerSpec::default()
    });
    for (id, priority) in [("low", 2), ("default", 0), ("high", 1)] {
        server.infer(Request { id: id.into(), priority, ..request(1) });
    }
    let port = server.model.open_port();
    let ids = [(); 3].map(|()| take(&port).jobs()[0].request().id.clone());
    assert_eq!(ids, ["high", "low", "default"]);
}

#[test]
fn whoever_expires_requests_is_woken_for_an_earlier_end() {
    let policy =
        QueuePolicy { default_timeout: 5000, allow_timeout_override: true, ..QueuePolicy::default() };
    let server = Server::batching(SchedulerSpec { default_policy: policy, ..dynamic() });
    let (alarm, waker) = Alarm::new();
    server.engine.set_expiry_waker(waker);
    assert_eq!(server.engine.expire(0), None);
    server.ask(1);
    assert_eq!((alarm.count(), server.engine.expire(0)), (1, Some(5000)));
    server.ask(1);
    assert_eq!(alarm.count(), 1, "not earlier");
    let short = server.infer(Request { timeout_microseconds: 2, ..request(1) }).0;
    assert_eq!((alarm.count(), server.engine.expire(0)), (2, Some(2000)));
    server.clock.advance(2001);
    assert_eq!(server.engine.expire(2001), Some(5000));
    assert_eq!(short.error().code, Code::Unavailable);
}

#[test]
fn a_cancelled_request_leaves_the_queue_at_once_and_a_running_one_is_told() {
    let server = Server::batching(dynamic());
    let port = server.model.open_port();
    let (running, ticket) = server.infer(request(1));
    let batch = take(&port);
    ticket.cancel();
    assert!(batch.jobs()[0].is_cancelled());
    let (queued, ticket) = server.infer(request(1));
    ticket.cancel();
    ticket.cancel();
    assert_eq!(queued.error().code, Code::Cancelled);
    echo(batch);
    assert!(running.result().is_ok());
    assert_eq!(wait(&port, Waker::noop()), None);
}

#[test]
fn a_client_that_goes_without_a_word_is_noticed_before_its_request_runs() {
    let server = Server::batching(dynamic());
    let gone = request(1);
    let cancellation = gone.cancellation.clone();
    let inbox = server.infer(gone).0;
    let other = server.ask(1);
    cancellation.cancel();
    let batch = take(&server.model.open_port());
    assert_eq!((batch.size(), inbox.error().code), (1, Code::Cancelled));
    echo(batch);
    assert!(other.result().is_ok());
}

#[test]
fn answers_leave_in_order_where_that_is_asked_for() {
    let server = Server::batching(SchedulerSpec { preserve_ordering: true, ..SchedulerSpec::default() });
    let inboxes = [server.ask(1), server.ask(1)];
    let ports = [server.model.open_port(), server.model.open_port()];
    let [first, second] = ports.each_ref().map(take);
    echo(second);
    assert_eq!((inboxes[1].count(), server.engine.in_flight()), (0, 2));
    echo(first);
    assert!(inboxes.iter().all(|inbox| inbox.result().is_ok()));
    assert_eq!(server.engine.in_flight(), 0);
}

#[test]
fn a_closed_model_answers_what_is_queued_and_finishes_what_runs() {
    let server = Server::batching(SchedulerSpec::default());
    let (running, queued) = (server.ask(1), server.ask(1));
    let ports = [server.model.open_port(), server.model.open_port()];
    let batch = take(&ports[0]);
    let taken = take(&ports[1]);
    let waiting = server.ask(1);
    let idle = server.model.open_port();
    drop(taken);
    assert!(queued.result().is_err());
    let turned = take(&idle);
    let (alarm, waker) = Alarm::new();
    wait(&ports[1], &waker);
    let last = server.ask(1);
    assert_eq!(alarm.count(), 1);
    server.model.close();
    assert_eq!(last.error().code, Code::Unavailable);
    assert!(matches!(ports[1].next(Waker::noop()), Turn::Closed));
    echo(turned);
    echo(batch);
    assert!(running.result().is_ok() && waiting.result().is_ok());
    assert_eq!(server.ask(1).error().code, Code::Unavailable);
}
