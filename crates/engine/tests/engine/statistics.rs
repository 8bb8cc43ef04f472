use trilith_core::{Code, Error, Fault, Response};
use trilith_engine::statistics::{Duration, Failures};
use trilith_engine::{ModelSpec, QueuePolicy, SchedulerSpec};

use crate::support::{Server, floats, request, spec, take};

fn server() -> Server {
    Server::batching(SchedulerSpec {
        dynamic: true,
        default_policy: QueuePolicy { default_timeout: 50, max_queue_size: 2, ..QueuePolicy::default() },
        ..SchedulerSpec::default()
    })
}

fn duration(count: u64, nanoseconds: u64) -> Duration {
    Duration { count, nanoseconds }
}

#[test]
fn an_execution_counts_once_and_each_request_with_its_batch_size() {
    let server = server();
    let inboxes = [server.ask(1), server.ask(2)];
    server.clock.advance(10);
    let mut batch = take(&server.model.open_port());
    server.clock.advance(3);
    batch.mark_inputs_ready();
    server.clock.advance(5_000_000);
    batch.mark_executed();
    server.clock.advance(7);
    batch.finish(vec![floats("OUT", &[3, 2], &[0.0; 6])]);
    assert!(inboxes.iter().all(|inbox| inbox.result().is_ok()));

    let statistics = server.model.statistics();
    assert_eq!((statistics.inference_count, statistics.execution_count), (3, 1));
    assert_eq!(statistics.last_inference, 5);
    assert_eq!(statistics.success, duration(2, 2 * 5_000_020));
    assert_eq!(statistics.queue, duration(2, 20));
    assert_eq!(statistics.compute_input, duration(2, 6));
    assert_eq!(statistics.compute_infer, duration(2, 10_000_000));
    assert_eq!(statistics.compute_output, duration(2, 14));
    assert_eq!(statistics.fail, duration(0, 0));
    let batch = &statistics.batches[0];
    assert_eq!((batch.batch_size, batch.compute_infer), (3, duration(1, 5_000_000)));
}

#[test]
fn an_answer_that_is_an_error_is_a_success_and_a_failed_execution_is_not() {
    let server = server();
    let port = server.model.open_port();
    let own = server.ask(1);
    let [job]: [_; 1] = take(&port).into_jobs().try_into().ok().unwrap();
    job.finish(Err(Error::model("no")));
    let failed = server.ask(1);
    take(&port).fail(&Error::model("boom"));
    let wrong = server.ask(1);
    take(&port).finish(vec![floats("WRONG", &[1, 2], &[0.0; 2])]);
    assert!([own, failed, wrong].iter().all(|inbox| inbox.result().is_err()));
    let statistics = server.model.statistics();
    assert_eq!((statistics.success.count, statistics.fail.count), (1, 2));
    assert_eq!(statistics.failures, Failures { backend: 2, ..Failures::default() });
    assert_eq!((statistics.inference_count, statistics.execution_count), (1, 3));
}

#[test]
fn compute_times_are_recorded_when_the_last_job_is_answered() {
    let server = server();
    let inboxes = [server.ask(1), server.ask(1)];
    let mut jobs = take(&server.model.open_port()).into_jobs();
    jobs.remove(1).fail(Error::model("boom"));
    assert_eq!(server.model.statistics().execution_count, 0);
    drop(jobs);
    assert!(inboxes.iter().all(|inbox| inbox.result().is_err()));
    assert_eq!(server.model.statistics().execution_count, 1);
    assert_eq!(server.model.statistics().failures.backend, 2);
}

#[test]
fn refusals_of_the_queue_are_counted_by_reason() {
    let server = server();
    let (late, (cancelled, ticket)) = (server.ask(1), server.infer(request(1)));
    let full = server.ask(1).error();
    assert_eq!((full.code, full.fault), (Code::Unavailable, Fault::Server));
    assert!(full.message.contains("exceeds maximum queue size of 2 for model 'm' version 1"));
    assert_eq!(server.model.statistics().pending, 2);
    ticket.cancel();
    assert_eq!(cancelled.error().code, Code::Cancelled);
    server.clock.advance(51);
    server.engine.expire(51);
    assert_eq!(late.error().message, "request timeout expired in the queue of model 'm' version 1");
    let statistics = server.model.statistics();
    assert_eq!(statistics.failures, Failures { rejected: 2, canceled: 1, ..Failures::default() });
    assert_eq!((statistics.fail.count, statistics.pending, statistics.execution_count), (3, 0, 0));
}

#[test]
fn a_request_that_is_not_admitted_is_not_counted() {
    let server = server();
    server.refusal(request(9));
    assert_eq!(server.model.statistics().fail.count, 0);
    assert_eq!(server.engine.in_flight(), 0);
}

#[test]
fn statistics_of_what_does_not_exist_are_an_invalid_argument() {
    let engine = server().engine;
    assert_eq!(engine.statistics(None, None).unwrap().len(), 1);
    assert_eq!(engine.statistics(Some("m"), Some(1)).unwrap()[0].version, 1);
    for (name, version) in [("nope", None), ("m", Some(2))] {
        assert_eq!(engine.statistics(Some(name), version).unwrap_err().code, Code::InvalidArgument);
    }
}

#[test]
fn responses_of_a_decoupled_model_are_counted_by_their_index() {
    let server = Server::new(ModelSpec { decoupled: true, ..spec(8) });
    let port = server.model.open_port();
    let respond = || Response { outputs: vec![floats("OUT", &[1, 2], &[0.0; 2])], ..Response::default() };
    let job = |inbox: &crate::support::Inbox| {
        assert_eq!(inbox.count(), 0);
        let mut batch = take(&port);
        server.clock.advance(1);
        batch.mark_inputs_ready();
        let [job]: [_; 1] = batch.into_jobs().try_into().ok().unwrap();
        job
    };

    let inbox = server.ask(1);
    let mut first = job(&inbox);
    server.clock.advance(10);
    first.send(Ok(respond())).unwrap();
    server.clock.advance(20);
    first.send(Err(Error::model("no"))).unwrap();
    server.clock.advance(30);
    first.finish_without_response();
    let inbox = server.ask(1);
    let last = job(&inbox);
    server.clock.advance(5);
    last.finish(Ok(respond()));
    let (inbox, ticket) = server.infer(request(1));
    let mut cancelled = job(&inbox);
    server.clock.advance(2);
    cancelled.send(Ok(respond())).unwrap();
    ticket.cancel();
    server.clock.advance(7);
    cancelled.finish_without_response();
    let inbox = server.ask(1);
    drop(job(&inbox));

    let responses = server.model.statistics().responses;
    assert_eq!(responses.len(), 3);
    let [first, second, third] = [responses[0], responses[1], responses[2]];
    assert_eq!((first.success, first.compute_infer), (duration(3, 17), duration(4, 17)));
    assert_eq!((first.compute_output, first.fail), (duration(3, 0), duration(1, 0)));
    assert_eq!((second.fail, second.compute_infer), (duration(1, 20), duration(1, 20)));
    assert_eq!((second.cancel, second.compute_output), (duration(1, 7), duration(0, 0)));
    assert_eq!((third.empty_response, third.compute_infer), (duration(1, 30), duration(1, 30)));
}

#[test]
fn a_model_that_answers_once_has_no_statistics_of_responses() {
    let server = server();
    server.ask(1);
    take(&server.model.open_port()).finish(vec![floats("OUT", &[1, 2], &[0.0; 2])]);
    assert_eq!(server.model.statistics().responses, []);
}
