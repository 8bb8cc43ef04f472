//! Both ends of the channel, over a real socket and real shared memory.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where by panicking")]

use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::task::Waker;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::oneshot;
use trilith_core::request::flags::SEQUENCE_START;
use trilith_core::tensor::Shape;
use trilith_core::{
    Code, CorrelationId, DataType, Error, Fault, Flow, Parameter, Payload, Request, Response, Result,
    Signature, Tensor, TensorSpec,
};
use trilith_engine::clock::SystemClock;
use trilith_engine::mailbox::Post;
use trilith_engine::metrics::{Act, Labels, MetricKind, Reading};
use trilith_engine::{
    Answer, Batch, Engine, EngineOptions, Job, Mailbox, Model, ModelSpec, Reservation, SchedulerSpec,
    SequenceSpec, Ticket, Turn,
};
use trilith_worker::{Beginning, Ended, Keepsakes, Link, Manner, Receipt, Service, Stop, WorkerPort};

fn spec() -> ModelSpec {
    let tensor = |name: &str| TensorSpec {
        name: name.to_owned(),
        datatype: DataType::Uint8,
        dims: Shape::from_slice(&[-1]),
        reshape: None,
        optional: false,
        ragged: false,
        labels: Arc::from([]),
    };
    ModelSpec {
        signature: Signature {
            model: "echo".into(),
            version: 1,
            max_batch_size: 8,
            inputs: vec![tensor("IN")],
            outputs: vec![tensor("OUT")],
        },
        scheduler: SchedulerSpec { dynamic: true, ..SchedulerSpec::default() },
        ..ModelSpec::default()
    }
}

/// Of a call that the batch waits for.
const MANNER: Manner = Manner { is_waited_for: true, takes_many: false };

struct Pair {
    engine: Arc<Engine>,
    ended: Receiver<Ended>,
    stop: Stop,
    worker: JoinHandle<()>,
    keepsakes: Arc<Keepsakes>,
    _runtime: tokio::runtime::Runtime,
}

/// A served model whose one worker is a thread of this process that treats each batch with `run`.
fn serve(run: impl Fn(&WorkerPort, Batch) + Send + 'static) -> Pair {
    serve_spec(&spec(), move |port, batch, _| run(port, batch))
}

fn serve_spec(spec: &ModelSpec, run: impl Fn(&WorkerPort, Batch, Receipt) + Send + 'static) -> Pair {
    let clock = Arc::new(SystemClock::new());
    let engine = Engine::new(EngineOptions::default(), clock.clone());
    let model = Model::new(&engine, spec.clone());
    let workers = spec.clone();
    engine.publish(Arc::clone(&model));
    engine.open();
    let (server_end, worker_end) = UnixStream::pair().unwrap();
    let worker = thread::spawn(move || {
        let engine = Engine::new(EngineOptions::default(), Arc::new(SystemClock::new()));
        let port = WorkerPort::connect(worker_end, Model::new(&engine, workers)).unwrap();
        while let Some(next) = port.next_batch().unwrap() {
            run(&port, next.batch, next.receipt);
        }
    });
    let link = Link::connect(server_end).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (sender, ended) = mpsc::channel();
    let stop = Stop::default();
    let stopped = stop.clone();
    let (said, _) = oneshot::channel();
    let (go, begin) = oneshot::channel();
    go.send(()).unwrap();
    let keepsakes = Arc::new(Keepsakes::default());
    let service = Service {
        model: Arc::clone(&model),
        engine: Arc::clone(&engine),
        clock,
        control: None,
        reservation: Reservation::default(),
        keepsakes: Arc::clone(&keepsakes),
        beginning: Beginning { said, begin },
    };
    runtime.spawn(async move {
        let _ = sender.send(link.serve(service, stopped).await);
    });
    Pair { engine, ended, stop, worker, keepsakes, _runtime: runtime }
}

fn ask(engine: &Engine, request: Request) -> Receiver<Result<Response>> {
    let (sender, receiver) = mpsc::channel();
    engine.infer(
        request,
        Box::new(move |answer: Answer| {
            assert!(answer.is_final);
            sender.send(answer.result.unwrap()).unwrap();
        }),
    );
    receiver
}

fn request(content: impl Into<Payload>) -> Request {
    let payload: Payload = content.into();
    let shape = [1, payload.len() as i64];
    Request {
        model: "echo".into(),
        id: "one".into(),
        inputs: vec![Tensor::new("IN", DataType::Uint8, &shape, payload)],
        ..Request::default()
    }
}

fn echo(batch: Batch) {
    for job in batch.into_jobs() {
        let mut output = job.request().inputs[0].clone();
        output.name = "OUT".into();
        let parameters = [("seen".to_owned(), Parameter::Int(1))].into_iter().collect();
        job.finish(Ok(Response { outputs: vec![output], parameters, ..Response::default() }));
    }
}

#[test]
fn tensors_of_every_size_come_back_as_they_went() {
    let pair = serve(|_, batch| echo(batch));
    for round in 0..3 {
        for size in [0, 1, 8 << 10, (8 << 10) + 1, 300_000, 5 << 20] {
            let content: Vec<u8> = (0..size).map(|index: usize| (index + round) as u8).collect();
            let response = ask(&pair.engine, request(content.clone())).recv().unwrap().unwrap();
            assert_eq!(response.id, "one");
            assert_eq!(response.parameters.get("seen"), Some(&Parameter::Int(1)));
            assert_eq!(&response.outputs[0].payload.to_bytes()[..], content);
        }
    }
    pair.stop.stop();
    assert_eq!(pair.ended.recv().unwrap(), Ended::Stopped);
    pair.worker.join().unwrap();
}

#[test]
fn pieces_of_a_payload_arrive_joined() {
    let pair = serve(|_, batch| echo(batch));
    for size in [10, 100_000] {
        let mut payload = Payload::new();
        (0..4_u8).for_each(|byte| payload.push(vec![byte; size].into()));
        let response = ask(&pair.engine, request(payload.clone())).recv().unwrap().unwrap();
        assert_eq!(response.outputs[0].payload, payload);
    }
    pair.stop.stop();
    pair.worker.join().unwrap();
}

#[test]
fn refusals_and_failures_keep_code_and_message() {
    let pair = serve(|_, batch| {
        for job in batch.into_jobs() {
            job.finish(Err(Error::new(Code::NotFound, Fault::Client, "no such word")));
        }
    });
    let error = ask(&pair.engine, request(vec![1])).recv().unwrap().unwrap_err();
    assert_eq!((error.code, &*error.message), (Code::NotFound, "no such word"));
    let statistics = pair.engine.statistics(Some("echo"), None).unwrap();
    assert_eq!((statistics[0].success.count, statistics[0].fail.count), (1, 0));
    pair.stop.stop();
    pair.worker.join().unwrap();
}

#[test]
fn a_worker_that_goes_away_fails_its_requests_and_says_so() {
    let pair = serve(|port, batch| {
        // A process that dies closes its end without another word.
        port.hang_up().unwrap();
        std::mem::forget(batch);
    });
    let answer = ask(&pair.engine, request(vec![1]));
    let error = answer.recv().unwrap().unwrap_err();
    assert!(error.message.contains("ended while it ran this request"), "{error}");
    assert!(matches!(pair.ended.recv().unwrap(), Ended::Lost(_)));
    pair.worker.join().unwrap();
}

#[test]
fn a_cancelled_request_is_told_to_the_worker_that_runs_it() {
    let (started, running) = mpsc::channel();
    let pair = serve(move |port, batch| {
        started.send(()).unwrap();
        while !batch.jobs()[0].is_cancelled() {
            port.poll_news().unwrap();
            thread::yield_now();
        }
        echo(batch);
    });
    let (sender, receiver) = mpsc::channel();
    let reply = move |answer: Answer| {
        let _ = sender.send(answer.result.is_some());
    };
    let ticket = pair.engine.infer(request(vec![1]), Box::new(reply));
    running.recv().unwrap();
    ticket.cancel();
    assert!(receiver.recv().unwrap());
    pair.stop.stop();
    pair.worker.join().unwrap();
}

fn decoupled_spec() -> ModelSpec {
    ModelSpec { decoupled: true, scheduler: SchedulerSpec::default(), ..spec() }
}

/// Asks and gives every answer as it comes.
fn stream(engine: &Engine, request: Request) -> (Receiver<Answer>, Ticket) {
    let (sender, receiver) = mpsc::channel();
    let reply = move |answer: Answer| {
        let _ = sender.send(answer);
    };
    let ticket = engine.infer(request, Box::new(reply));
    (receiver, ticket)
}

fn output(value: u8) -> Response {
    let outputs = vec![Tensor::new("OUT", DataType::Uint8, &[1, 1], vec![value])];
    Response { outputs, ..Response::default() }
}

#[test]
fn answers_of_a_decoupled_model_come_one_by_one_while_further_batches_run() {
    let (hand_over, jobs) = mpsc::channel();
    let pair = serve_spec(&decoupled_spec(), move |_, batch, receipt| {
        batch.into_jobs().into_iter().for_each(|job| hand_over.send(job).unwrap());
        receipt.returned();
    });
    let (first, _) = stream(&pair.engine, request(vec![1]));
    let (second, _) = stream(&pair.engine, request(vec![2]));
    let (mut one, mut two) = (jobs.recv().unwrap(), jobs.recv().unwrap());
    for value in 0..3 {
        two.send(Ok(output(value))).unwrap();
        one.send(Ok(output(value))).unwrap();
    }
    two.finish_without_response();
    one.finish(Err(Error::model("no more")));
    for answers in [&first, &second] {
        for value in 0..3 {
            let answer = answers.recv().unwrap();
            assert!(!answer.is_final);
            assert_eq!(answer.result.unwrap().unwrap().outputs[0].payload.to_bytes()[..], [value]);
        }
    }
    assert!(first.recv().unwrap().result.unwrap().is_err());
    let end = second.recv().unwrap();
    assert!(end.is_final && end.result.is_none());
    pair.stop.stop();
    assert_eq!(pair.ended.recv().unwrap(), Ended::Stopped);
    pair.worker.join().unwrap();
}

#[test]
fn a_worker_that_goes_away_fails_every_request_that_is_open() {
    let pair = serve_spec(&decoupled_spec(), |port, batch, receipt| {
        let last = batch.jobs()[0].request().inputs[0].payload.to_bytes()[0] == 3;
        std::mem::forget(batch);
        if last {
            port.hang_up().unwrap();
        } else {
            receipt.returned();
        }
    });
    let answers: Vec<_> = (1..=3).map(|value| stream(&pair.engine, request(vec![value])).0).collect();
    for answers in answers {
        let answer = answers.recv().unwrap();
        assert!(answer.is_final);
        assert!(answer.result.unwrap().unwrap_err().message.contains("ended while it ran"));
    }
    assert!(matches!(pair.ended.recv().unwrap(), Ended::Lost(_)));
    pair.worker.join().unwrap();
}

#[test]
fn an_open_request_learns_of_cancellation_and_of_what_was_read() {
    let (hand_over, jobs) = mpsc::channel();
    let pair = serve_spec(&decoupled_spec(), move |_, batch, receipt| {
        batch.into_jobs().into_iter().for_each(|job| hand_over.send(job).unwrap());
        receipt.returned();
    });
    let flow = Flow::new();
    let (answers, ticket) = stream(&pair.engine, Request { flow: Some(flow.clone()), ..request(vec![1]) });
    let mut job = jobs.recv().unwrap();
    let far = job.request().flow.clone().unwrap();
    while far.has_room() {
        job.send(Ok(output(0))).unwrap();
    }
    answers.iter().take(10).for_each(|_| flow.note_read(1));
    assert!(far.wait_for_room(Duration::from_secs(30)));
    ticket.cancel();
    while !job.is_cancelled() {
        thread::yield_now();
    }
    job.finish_without_response();
    pair.stop.stop();
    pair.worker.join().unwrap();
}

#[test]
fn a_model_calls_another_one_through_its_channel() {
    let pair = serve_spec(&spec(), |port, batch, _| {
        for job in batch.into_jobs() {
            let mailbox = Mailbox::new();
            let called = Request { model: "other".into(), ..job.request().clone() };
            port.call(&called, MANNER, mailbox.reply());
            let Post::Answer(answer) = mailbox.receive(Duration::from_secs(30)) else { panic!("no answer") };
            job.finish(answer.result.unwrap());
        }
    });
    let other = ModelSpec { signature: Signature { model: "other".into(), ..spec().signature }, ..spec() };
    let other = Model::new(&pair.engine, other);
    pair.engine.publish(Arc::clone(&other));
    let port = other.open_port();
    let answer = ask(&pair.engine, request(vec![5; 100_000]));
    let batch = loop {
        if let Turn::Batch(batch) = port.next(Waker::noop()) {
            break batch;
        }
        thread::yield_now();
    };
    echo(*batch);
    let response = answer.recv().unwrap().unwrap();
    assert_eq!(response.outputs[0].payload.len(), 100_000);
    pair.stop.stop();
    pair.worker.join().unwrap();
}

#[test]
fn a_model_that_calls_itself_is_told_that_it_would_wait_for_ever() {
    let pair = serve_spec(&spec(), |port, batch, _| {
        for job in batch.into_jobs() {
            let mailbox = Mailbox::new();
            let called = Request { model: "echo".into(), ..job.request().clone() };
            port.call(&called, MANNER, mailbox.reply());
            let Post::Answer(answer) = mailbox.receive(Duration::from_secs(30)) else { panic!("no answer") };
            job.finish(answer.result.unwrap());
        }
    });
    let error = ask(&pair.engine, request(vec![1])).recv().unwrap().unwrap_err();
    assert!(error.message.contains("its only instance waits"), "{error}");
    pair.stop.stop();
    pair.worker.join().unwrap();
}

#[test]
fn readiness_of_another_model_can_be_asked() {
    let pair = serve_spec(&spec(), |port, batch, _| {
        for (model, is_ready) in [("echo", true), ("nobody", false)] {
            assert_eq!(port.ask_ready(model, None).is_ok(), is_ready);
        }
        echo(batch);
    });
    assert!(ask(&pair.engine, request(vec![1])).recv().unwrap().is_ok());
    pair.stop.stop();
    pair.worker.join().unwrap();
}

#[test]
fn what_a_model_counts_is_counted_in_the_server_when_its_answer_is_there() {
    let pair = serve(|port, batch| {
        let family = port.open_family("words", "seen", MetricKind::Counter).unwrap();
        assert!(port.open_family("words", "seen", MetricKind::Gauge).is_err());
        let series = port.open_series(family, &Labels::new(), None).unwrap();
        port.count(series, Act::Increment, 2.5);
        assert_eq!(port.read_series(series).unwrap().to_bits(), 2.5_f64.to_bits());
        port.count(series, Act::Increment, 1.0);
        echo(batch);
    });
    ask(&pair.engine, request(vec![1])).recv().unwrap().unwrap();
    let shown = pair.engine.metrics().snapshot();
    assert_eq!(shown[0].series, [(Labels::new(), Reading::Value(3.5))]);
    pair.stop.stop();
    assert_eq!(pair.ended.recv().unwrap(), Ended::Stopped);
    assert!(pair.engine.metrics().snapshot().is_empty());
    pair.worker.join().unwrap();
}

#[test]
fn what_a_worker_that_died_has_counted_is_kept() {
    let pair = serve(|port, batch| {
        let family = port.open_family("words", "seen", MetricKind::Counter).unwrap();
        let series = port.open_series(family, &Labels::new(), None).unwrap();
        port.count(series, Act::Increment, 1.0);
        port.hang_up().unwrap();
        drop(batch);
    });
    ask(&pair.engine, request(vec![1])).recv().unwrap().unwrap_err();
    assert!(matches!(pair.ended.recv().unwrap(), Ended::Lost(_)));
    assert_eq!(pair.engine.metrics().snapshot()[0].series, [(Labels::new(), Reading::Value(1.0))]);
    pair.keepsakes.clear();
    assert!(pair.engine.metrics().snapshot().is_empty());
}

fn sequence_spec(iterative: bool, decoupled: bool) -> ModelSpec {
    let sequence = SequenceSpec { iterative, max_idle: u64::MAX / 2, ..SequenceSpec::default() };
    ModelSpec { sequence: Some(sequence), scheduler: SchedulerSpec::default(), decoupled, ..spec() }
}

#[test]
fn a_request_that_is_handed_back_runs_again() {
    for one_by_one in [false, true] {
        let runs = AtomicU8::new(0);
        let pair = serve_spec(&sequence_spec(true, false), move |_, batch, receipt| {
            if one_by_one {
                receipt.answer_one_by_one();
            }
            match runs.fetch_add(1, Ordering::Relaxed) {
                0 | 1 => batch.into_jobs().into_iter().for_each(Job::hand_back),
                _ => echo(batch),
            }
            receipt.returned();
        });
        let response = ask(&pair.engine, request(vec![7])).recv().unwrap().unwrap();
        assert_eq!(response.outputs[0].payload.to_bytes()[..], [7]);
        pair.stop.stop();
        assert_eq!(pair.ended.recv().unwrap(), Ended::Stopped);
        pair.worker.join().unwrap();
    }
}

#[test]
fn a_decoupled_model_answers_a_request_in_each_of_its_runs() {
    let runs = AtomicU8::new(0);
    let pair = serve_spec(&sequence_spec(true, true), move |_, batch, receipt| {
        let run = runs.fetch_add(1, Ordering::Relaxed);
        for mut job in batch.into_jobs() {
            job.send(Ok(output(run))).unwrap();
            if run < 2 {
                job.hand_back();
            } else {
                job.finish_without_response();
            }
        }
        receipt.returned();
    });
    let (answers, _) = stream(&pair.engine, request(vec![1]));
    for run in 0..3 {
        let answer = answers.recv().unwrap();
        assert_eq!(answer.result.unwrap().unwrap().outputs[0].payload.to_bytes()[..], [run]);
    }
    assert!(answers.recv().unwrap().is_final);
    pair.stop.stop();
    pair.worker.join().unwrap();
}

#[test]
fn a_request_of_a_sequence_waits_for_the_late_answer_to_the_one_before() {
    let (hand_over, jobs) = mpsc::channel();
    let pair = serve_spec(&sequence_spec(false, false), move |_, batch, receipt| {
        receipt.answer_one_by_one();
        batch.into_jobs().into_iter().for_each(|job| hand_over.send(job).unwrap());
        receipt.returned();
    });
    let of_sequence = |value: u8, flags: u32| Request {
        correlation_id: CorrelationId::Number(1),
        flags,
        ..request(vec![value])
    };
    let first = ask(&pair.engine, of_sequence(1, SEQUENCE_START));
    let second = ask(&pair.engine, of_sequence(2, 0));
    for (value, answer) in [(1, first), (2, second)] {
        let job = jobs.recv().unwrap();
        // Were the next one running already, it would have been handed over as well.
        assert!(jobs.recv_timeout(Duration::from_millis(50)).is_err());
        assert_eq!(job.request().inputs[0].payload.to_bytes()[..], [value]);
        job.finish(Ok(output(value)));
        assert!(answer.recv().unwrap().is_ok());
    }
    pair.stop.stop();
    pair.worker.join().unwrap();
}
