//! Both ends of the channel, over a real socket and real shared memory.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where by panicking")]

use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};

use trilith_core::tensor::Shape;
use trilith_core::{
    Code, DataType, Error, Fault, Parameter, Payload, Request, Response, Result, Signature, Tensor,
    TensorSpec,
};
use trilith_engine::clock::SystemClock;
use trilith_engine::{Answer, Batch, Engine, EngineOptions, Model, ModelSpec, SchedulerSpec};
use trilith_worker::{Ended, Link, Stop, WorkerPort};

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

struct Pair {
    engine: Arc<Engine>,
    ended: Receiver<Ended>,
    stop: Stop,
    worker: JoinHandle<()>,
    _runtime: tokio::runtime::Runtime,
}

/// A served model whose one worker is a thread of this process that treats each batch with `run`.
fn serve(run: impl Fn(&WorkerPort, Batch) + Send + 'static) -> Pair {
    let clock = Arc::new(SystemClock::new());
    let engine = Engine::new(EngineOptions::default(), clock.clone());
    let model = Model::new(&engine, spec());
    engine.publish(Arc::clone(&model));
    engine.open();
    let (server_end, worker_end) = UnixStream::pair().unwrap();
    let worker = thread::spawn(move || {
        let engine = Engine::new(EngineOptions::default(), Arc::new(SystemClock::new()));
        let port = WorkerPort::connect(worker_end, Model::new(&engine, spec())).unwrap();
        while let Some(batch) = port.next_batch().unwrap() {
            run(&port, batch);
        }
    });
    let link = Link::connect(server_end).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (sender, ended) = mpsc::channel();
    let stop = Stop::default();
    let stopped = stop.clone();
    runtime.spawn(async move {
        let _ = sender.send(link.serve(model.open_port(), clock, stopped).await);
    });
    Pair { engine, ended, stop, worker, _runtime: runtime }
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
            port.poll_cancellations().unwrap();
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
