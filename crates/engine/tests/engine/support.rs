//! A server with one model, a clock that stands still, and replies that remember.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

use parking_lot::Mutex;
use trilith_core::{DataType, Error, Request, Response, Result, Signature, Tensor, TensorSpec};
use trilith_engine::{
    Answer, Batch, Clock, Engine, EngineOptions, ManualClock, Model, ModelSpec, Port, SchedulerSpec, Ticket,
    Turn,
};

/// Counts how often it was woken.
#[derive(Default)]
pub(crate) struct Alarm(AtomicUsize);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Alarm {
    pub(crate) fn new() -> (Arc<Self>, Waker) {
        let alarm = Arc::new(Self::default());
        let waker = Waker::from(Arc::clone(&alarm));
        (alarm, waker)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// What was answered to one request.
#[derive(Clone, Default)]
pub(crate) struct Inbox(Arc<Mutex<Vec<Answer>>>);

impl Inbox {
    pub(crate) fn reply(&self) -> Box<dyn trilith_engine::Reply> {
        let inbox = self.clone();
        Box::new(move |answer| inbox.0.lock().push(answer))
    }

    pub(crate) fn count(&self) -> usize {
        self.0.lock().len()
    }

    pub(crate) fn finals(&self) -> usize {
        self.0.lock().iter().filter(|answer| answer.is_final).count()
    }

    /// The first value of every response so far.
    pub(crate) fn values(&self) -> Vec<f32> {
        let answers = self.0.lock();
        let responses = answers.iter().filter_map(|answer| answer.result.as_ref()?.as_ref().ok());
        responses
            .map(|response| {
                let bytes = response.outputs[0].payload.to_bytes();
                f32::from_le_bytes(bytes[..4].try_into().unwrap())
            })
            .collect()
    }

    /// The one answer there is.
    pub(crate) fn result(&self) -> Result<Response> {
        let mut answers = self.0.lock();
        assert_eq!(answers.len(), 1, "exactly one answer");
        let answer = answers.remove(0);
        assert!(answer.is_final);
        answer.result.expect("an answer with a result")
    }

    pub(crate) fn error(&self) -> Error {
        self.result().expect_err("an error")
    }
}

/// An engine that is open, with one model published.
pub(crate) struct Server {
    pub clock: Arc<ManualClock>,
    pub engine: Arc<Engine>,
    pub model: Arc<Model>,
}

impl Server {
    pub(crate) fn new(spec: ModelSpec) -> Self {
        let clock = Arc::new(ManualClock::new());
        let engine = Engine::new(EngineOptions::default(), Arc::clone(&clock) as Arc<dyn Clock>);
        let model = Model::new(&engine, spec);
        assert!(engine.publish(Arc::clone(&model)).is_none());
        engine.open();
        Self { clock, engine, model }
    }

    /// A model that batches, with one input and one output of two FP32 values.
    pub(crate) fn batching(scheduler: SchedulerSpec) -> Self {
        Self::new(ModelSpec { scheduler, ..spec(8) })
    }

    pub(crate) fn infer(&self, request: Request) -> (Inbox, Ticket) {
        let inbox = Inbox::default();
        let ticket = self.engine.infer(request, inbox.reply());
        (inbox, ticket)
    }

    /// Sends a request of that batch size.
    pub(crate) fn ask(&self, batch_size: i64) -> Inbox {
        self.infer(request(batch_size)).0
    }

    /// The error with which a request is refused at once.
    pub(crate) fn refusal(&self, request: Request) -> Error {
        self.infer(request).0.error()
    }
}

pub(crate) fn tensor_spec(name: &str, datatype: DataType, dims: &[i64]) -> TensorSpec {
    TensorSpec {
        name: name.to_owned(),
        datatype,
        dims: dims.iter().copied().collect(),
        reshape: None,
        optional: false,
        ragged: false,
        labels: Arc::new([]),
    }
}

/// A scheduler that batches.
pub(crate) fn dynamic() -> SchedulerSpec {
    SchedulerSpec { dynamic: true, ..SchedulerSpec::default() }
}

/// Model `m`, version 1, `IN` and `OUT` of two FP32 values.
pub(crate) fn spec(max_batch_size: u32) -> ModelSpec {
    ModelSpec {
        signature: Signature {
            model: "m".to_owned(),
            version: 1,
            max_batch_size,
            inputs: vec![tensor_spec("IN", DataType::Fp32, &[2])],
            outputs: vec![tensor_spec("OUT", DataType::Fp32, &[2])],
        },
        ..ModelSpec::default()
    }
}

pub(crate) fn floats(name: &str, shape: &[i64], values: &[f32]) -> Tensor {
    let content: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Tensor::new(name, DataType::Fp32, shape, content)
}

/// A request to model `m` with `IN` of that batch size, filled with zeros.
pub(crate) fn request(batch_size: i64) -> Request {
    let values = vec![0.0; batch_size.max(0) as usize * 2];
    with_inputs(vec![floats("IN", &[batch_size, 2], &values)])
}

pub(crate) fn with_inputs(inputs: Vec<Tensor>) -> Request {
    Request { model: "m".to_owned(), id: "42".to_owned(), inputs, ..Request::default() }
}

/// The next batch, which must be there.
pub(crate) fn take(port: &Port) -> Batch {
    match port.next(Waker::noop()) {
        Turn::Batch(batch) => *batch,
        Turn::Wait { until } => panic!("nothing to run, next look at {until:?}"),
        Turn::Closed => panic!("closed"),
    }
}

/// Asserts that there is nothing to run; gives when to look again.
pub(crate) fn wait(port: &Port, waker: &Waker) -> Option<u64> {
    match port.next(waker) {
        Turn::Batch(batch) => panic!("a batch of {}", batch.size()),
        Turn::Wait { until } => until,
        Turn::Closed => panic!("closed"),
    }
}

/// Answers with the gathered first input as output `OUT`.
pub(crate) fn echo(batch: Batch) {
    let output = {
        let inputs = batch.inputs();
        let content: Vec<u8> = inputs[0].parts.iter().flat_map(|part| part.to_bytes()).collect();
        Tensor::new("OUT", inputs[0].spec.datatype, &inputs[0].shape, content)
    };
    batch.finish(vec![output]);
}
