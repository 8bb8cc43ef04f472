//! A server with a few models, and a client.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;

use prost::Message;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic::{IntoStreamingRequest, Status, Streaming};
use tonic_prost::ProstCodec;
use trilith_core::trace::Tracing;
use trilith_core::{DataType, Payload, Signature, Tensor, TensorSpec};
use trilith_engine::clock::SystemClock;
use trilith_engine::{Batch, Engine, EngineOptions, Model, ModelSpec, Port, State, Turn};
use trilith_wire::grpc::protocol::inference::model_infer_request::{
    InferInputTensor, InferRequestedOutputTensor,
};
use trilith_wire::grpc::protocol::inference::{
    InferTensorContents, ModelConfig, ModelInferRequest, ModelInferResponse, ModelStreamInferResponse,
};
use trilith_wire::grpc::{GrpcOptions, serve};
use trilith_wire::{Context, Control, Logging, ServerInfo, SharedMemory, Shutdown};

/// A running server.
pub(crate) struct Server {
    pub(crate) engine: Arc<Engine>,
    pub(crate) control: Arc<Control>,
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: Shutdown,
    pub(crate) task: JoinHandle<()>,
}

impl Server {
    /// A server whose models `identity` (one input of every datatype by name) and `text` answer at once.
    pub(crate) async fn start() -> Self {
        Self::start_with(GrpcOptions::default()).await
    }

    pub(crate) async fn start_with(options: GrpcOptions) -> Self {
        let engine = Engine::new(EngineOptions::default(), Arc::new(SystemClock::new()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = ServerInfo {
            name: "triton".into(),
            version: "2.51.0".into(),
            extensions: vec!["classification".into()],
        };
        let shared_memory = SharedMemory::of_this_build(true);
        let context = Arc::new(Context {
            engine: engine.clone(),
            server,
            control: Arc::default(),
            shared_memory,
            tracing: Tracing::default(),
            logging: Logging::default(),
        });
        let control = Arc::clone(&context.control);
        let shutdown = Shutdown::new();
        let task = tokio::spawn(serve(listener, context, options, shutdown.clone()));
        engine.open();
        let server = Self { engine, control, address, shutdown, task };
        for datatype in DataType::ALL {
            let port = server.load(&format!("identity_{datatype}"), datatype, false);
            tokio::spawn(echo(port));
        }
        server
    }

    /// A model that waits for the test to take its batches.
    pub(crate) fn load(&self, name: &str, datatype: DataType, decoupled: bool) -> Port {
        let tensor = |name: &str| TensorSpec {
            name: name.into(),
            datatype,
            dims: [-1].into_iter().collect(),
            reshape: None,
            optional: false,
            ragged: false,
            labels: Arc::new([]),
        };
        let spec = ModelSpec {
            signature: Signature {
                model: name.into(),
                version: 1,
                max_batch_size: 8,
                inputs: vec![tensor("INPUT")],
                outputs: vec![tensor("OUTPUT")],
            },
            decoupled,
            platform: "identity".into(),
            config_proto: ModelConfig { name: name.into(), ..ModelConfig::default() }.encode_to_vec().into(),
            ..ModelSpec::default()
        };
        let model = Model::new(&self.engine, spec);
        let port = model.open_port();
        self.engine.publish(model);
        self.engine.set_state(name, Some(1), State::Ready, "");
        port
    }

    /// A client on a connection of its own.
    pub(crate) async fn connect(&self) -> Client {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).unwrap();
        Client(Grpc::new(endpoint.connect().await.unwrap()))
    }

    /// Begins to stop and waits for the end.
    pub(crate) async fn stop(self) {
        self.shutdown.begin();
        self.task.await.unwrap();
    }
}

/// A client for any method.
#[derive(Clone)]
pub(crate) struct Client(pub(crate) Grpc<Channel>);

impl Client {
    /// Calls a method of the inference service with one message each way.
    pub(crate) async fn call<M, R>(&mut self, method: &str, message: M) -> Result<R, Status>
    where
        M: Message + Send + Sync + 'static,
        R: Message + Default + Send + Sync + 'static,
    {
        self.call_path(&format!("/inference.GRPCInferenceService/{method}"), tonic::Request::new(message))
            .await
    }

    /// Calls any method with one message each way.
    pub(crate) async fn call_path<M, R>(
        &mut self,
        path: &str,
        request: tonic::Request<M>,
    ) -> Result<R, Status>
    where
        M: Message + Send + Sync + 'static,
        R: Message + Default + Send + Sync + 'static,
    {
        self.0.ready().await.unwrap();
        let path = PathAndQuery::try_from(path).unwrap();
        self.0.unary(request, path, ProstCodec::default()).await.map(tonic::Response::into_inner)
    }

    /// Calls `ModelInfer`.
    pub(crate) async fn infer(&mut self, request: ModelInferRequest) -> Result<ModelInferResponse, Status> {
        self.call("ModelInfer", request).await
    }

    /// Opens a stream.
    pub(crate) async fn stream(
        &mut self,
        requests: impl IntoStreamingRequest<Message = ModelInferRequest>,
    ) -> Result<Streaming<ModelStreamInferResponse>, Status> {
        self.0.ready().await.unwrap();
        let path = PathAndQuery::from_static("/inference.GRPCInferenceService/ModelStreamInfer");
        let response =
            self.0.streaming(requests.into_streaming_request(), path, ProstCodec::default()).await?;
        Ok(response.into_inner())
    }
}

/// A request with one raw FP32 input of shape [1,2].
pub(crate) fn request(model: &str) -> ModelInferRequest {
    ModelInferRequest {
        model_name: model.into(),
        inputs: vec![input("FP32", &[1, 2])],
        raw_input_contents: vec![vec![1, 2, 3, 4, 5, 6, 7, 8].into()],
        ..ModelInferRequest::default()
    }
}

/// A request with one typed input of shape [1, length].
pub(crate) fn typed(datatype: &str, length: i64, contents: InferTensorContents) -> ModelInferRequest {
    let input = InferInputTensor { contents: Some(contents), ..input(datatype, &[1, length]) };
    ModelInferRequest {
        model_name: format!("identity_{datatype}"),
        inputs: vec![input],
        ..ModelInferRequest::default()
    }
}

pub(crate) fn input(datatype: &str, shape: &[i64]) -> InferInputTensor {
    InferInputTensor {
        name: "INPUT".into(),
        datatype: datatype.into(),
        shape: shape.to_vec(),
        ..InferInputTensor::default()
    }
}

pub(crate) fn output(name: &str) -> InferRequestedOutputTensor {
    InferRequestedOutputTensor { name: name.into(), ..InferRequestedOutputTensor::default() }
}

/// Waits for the next batch.
pub(crate) async fn next_batch(port: &Port) -> Batch {
    next_turn(port).await.expect("the model should not have ended")
}

async fn next_turn(port: &Port) -> Option<Batch> {
    poll_fn(|context| match port.next(context.waker()) {
        Turn::Batch(batch) => Poll::Ready(Some(*batch)),
        Turn::Wait { .. } => Poll::Pending,
        Turn::Closed => Poll::Ready(None),
    })
    .await
}

/// Answers a batch with its input.
pub(crate) fn answer(batch: Batch) {
    let outputs = batch
        .inputs()
        .into_iter()
        .map(|input| {
            let mut payload = Payload::new();
            input.parts.iter().flat_map(|part| part.pieces()).cloned().for_each(|piece| payload.push(piece));
            Tensor::new("OUTPUT", input.spec.datatype, &input.shape, payload)
        })
        .collect();
    batch.finish(outputs);
}

async fn echo(port: Port) {
    while let Some(batch) = next_turn(&port).await {
        answer(batch);
    }
}

/// Waits until nothing is in flight.
pub(crate) async fn idle(model: &Arc<Model>) {
    poll_fn(|context| {
        model.on_idle(context.waker().clone());
        if model.in_flight() == 0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
