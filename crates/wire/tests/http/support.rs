//! A server over models made of a closure, and a client that sees every byte.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::thread::{self, Thread};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use trilith_core::tensor::Shape;
use trilith_core::trace::Tracing;
use trilith_core::{DataType, Payload, Signature, Tensor, TensorSpec};
use trilith_engine::clock::SystemClock;
use trilith_engine::{Batch, Engine, EngineOptions, Model, ModelSpec, Port, Turn};
use trilith_wire::http::{self, HttpOptions};
use trilith_wire::{Context, Logging, ServerInfo, SharedMemory, Shutdown};

/// A model of one input `IN` and one output `OUT`.
pub(crate) fn spec(name: &str, datatype: DataType, dims: &[i64]) -> ModelSpec {
    let tensor = |name: &str| TensorSpec {
        name: name.into(),
        datatype,
        dims: Shape::from_slice(dims),
        reshape: None,
        optional: false,
        ragged: false,
        labels: Arc::new([]),
    };
    let signature = Signature {
        model: name.into(),
        version: 1,
        max_batch_size: 8,
        inputs: vec![tensor("IN")],
        outputs: vec![tensor("OUT")],
    };
    ModelSpec {
        signature,
        platform: "echo".into(),
        config_json: "{\"name\":\"echo\"}".into(),
        ..ModelSpec::default()
    }
}

/// Answers each batch with its own input.
pub(crate) fn echo(mut batch: Batch) {
    batch.mark_inputs_ready();
    let input = &batch.inputs()[0];
    let mut payload = Payload::new();
    input.parts.iter().flat_map(|part| part.pieces()).for_each(|piece| payload.push(piece.clone()));
    let output = Tensor::new("OUT", input.spec.datatype, &input.shape, payload);
    batch.mark_executed();
    batch.finish(vec![output]);
}

/// An engine that takes requests and has no model yet.
pub(crate) fn engine() -> Arc<Engine> {
    let engine = Engine::new(EngineOptions::default(), Arc::new(SystemClock::new()));
    engine.open();
    engine
}

/// Publishes a model without anyone to execute it.
pub(crate) fn publish(engine: &Arc<Engine>, spec: ModelSpec) -> Port {
    let model = Model::new(engine, spec);
    let port = model.open_port();
    engine.publish(model);
    port
}

/// Executes a model's batches on a thread of its own.
pub(crate) fn execute(port: Port, run: impl Fn(Batch) + Send + 'static) {
    thread::spawn(move || {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        loop {
            match port.next(&waker) {
                Turn::Batch(batch) => run(*batch),
                Turn::Wait { .. } => thread::park(),
                Turn::Closed => return,
            }
        }
    });
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// A running HTTP endpoint.
pub(crate) struct Server {
    pub(crate) engine: Arc<Engine>,
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: Shutdown,
    pub(crate) task: JoinHandle<()>,
}

/// Serves an engine over HTTP.
pub(crate) async fn serve(engine: Arc<Engine>, options: HttpOptions) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = Shutdown::new();
    let task = tokio::spawn(http::serve(listener, context(&engine), options, shutdown.clone()));
    Server { engine, address, shutdown, task }
}

/// What endpoints know of a server.
pub(crate) fn context(engine: &Arc<Engine>) -> Arc<Context> {
    let server =
        ServerInfo { name: "triton".into(), version: "2.51.0".into(), extensions: vec!["statistics".into()] };
    let shared_memory = SharedMemory::of_this_build(true);
    Arc::new(Context {
        engine: Arc::clone(engine),
        server,
        control: Arc::default(),
        shared_memory,
        tracing: Tracing::default(),
        logging: Logging::default(),
    })
}

/// A server with the models `echo` (FP32) and `text` (BYTES).
pub(crate) async fn echo_server() -> Server {
    serve(echo_engine(), HttpOptions::default()).await
}

/// The engine of [`echo_server`].
pub(crate) fn echo_engine() -> Arc<Engine> {
    let engine = engine();
    execute(publish(&engine, spec("echo", DataType::Fp32, &[-1])), echo);
    execute(publish(&engine, spec("text", DataType::Bytes, &[1])), echo);
    engine
}
