//! The calls that only read.

use tokio_stream::StreamExt;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request};
use tonic_prost::ProstCodec;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};
use trilith_engine::State;
use trilith_wire::grpc::protocol::health::{HealthCheckRequest, HealthCheckResponse};
use trilith_wire::grpc::protocol::inference::{
    ModelConfigRequest, ModelConfigResponse, ModelMetadataRequest, ModelMetadataResponse, ModelReadyRequest,
    ModelReadyResponse, ModelStatisticsRequest, ModelStatisticsResponse, RepositoryIndexRequest,
    RepositoryIndexResponse, ServerLiveRequest, ServerLiveResponse, ServerMetadataRequest,
    ServerMetadataResponse, ServerReadyRequest, ServerReadyResponse,
};

use crate::support::{Server, request};

#[tokio::test]
async fn the_server_says_what_it_is_and_how_it_is() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let live: ServerLiveResponse = client.call("ServerLive", ServerLiveRequest {}).await.unwrap();
    let ready: ServerReadyResponse = client.call("ServerReady", ServerReadyRequest {}).await.unwrap();
    assert!(live.live && ready.ready);
    let metadata: ServerMetadataResponse =
        client.call("ServerMetadata", ServerMetadataRequest {}).await.unwrap();
    assert_eq!((metadata.name.as_str(), metadata.version.as_str()), ("triton", "2.51.0"));
}

#[tokio::test]
async fn a_model_says_what_it_takes() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let asked = ModelMetadataRequest { name: "identity_FP32".into(), version: String::new() };
    let metadata: ModelMetadataResponse = client.call("ModelMetadata", asked).await.unwrap();
    assert_eq!((metadata.platform.as_str(), metadata.versions), ("identity", vec!["1".to_owned()]));
    assert_eq!(metadata.inputs[0].shape, [-1, -1]);
    assert_eq!(metadata.outputs[0].datatype, "FP32");

    let asked = ModelConfigRequest { name: "identity_FP32".into(), version: "1".into() };
    let config: ModelConfigResponse = client.call("ModelConfig", asked).await.unwrap();
    assert_eq!(config.config.unwrap().name, "identity_FP32");

    for (name, version, expected) in
        [("none", "", Code::NotFound), ("identity_FP32", "x", Code::InvalidArgument)]
    {
        let asked = ModelMetadataRequest { name: name.into(), version: version.into() };
        let status = client.call::<_, ModelMetadataResponse>("ModelMetadata", asked).await.unwrap_err();
        assert_eq!(status.code(), expected);
    }
}

#[tokio::test]
async fn only_models_that_serve_are_ready() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    for (name, version, expected) in [
        ("identity_FP32", "", true),
        ("identity_FP32", "1", true),
        ("identity_FP32", "2", false),
        ("none", "", false),
    ] {
        let asked = ModelReadyRequest { name: name.into(), version: version.into() };
        let answer: ModelReadyResponse = client.call("ModelReady", asked).await.unwrap();
        assert_eq!(answer.ready, expected, "{name} {version}");
    }
}

#[tokio::test]
async fn statistics_count_what_was_inferred() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.infer(request("identity_FP32")).await.unwrap();
    let asked = ModelStatisticsRequest { name: "identity_FP32".into(), version: String::new() };
    let answer: ModelStatisticsResponse = client.call("ModelStatistics", asked).await.unwrap();
    let statistics = &answer.model_stats[0];
    assert_eq!((statistics.version.as_str(), statistics.inference_count), ("1", 1));
    assert_eq!(statistics.inference_stats.as_ref().unwrap().success.unwrap().count, 1);
    assert_eq!(statistics.batch_stats[0].batch_size, 1);

    let asked = ModelStatisticsRequest { name: "none".into(), version: String::new() };
    let status = client.call::<_, ModelStatisticsResponse>("ModelStatistics", asked).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn the_index_shows_states_and_reasons() {
    let server = Server::start().await;
    server.engine.set_state("broken", Some(3), State::Unavailable, "no model file");
    let mut client = server.connect().await;
    let asked = RepositoryIndexRequest { repository_name: String::new(), ready: false };
    let index: RepositoryIndexResponse = client.call("RepositoryIndex", asked.clone()).await.unwrap();
    let broken = index.models.iter().find(|model| model.name == "broken").unwrap();
    assert_eq!((broken.version.as_str(), broken.state.as_str()), ("3", "UNAVAILABLE"));
    assert_eq!(broken.reason, "no model file");
    let asked = RepositoryIndexRequest { ready: true, ..asked };
    let index: RepositoryIndexResponse = client.call("RepositoryIndex", asked).await.unwrap();
    assert!(index.models.iter().all(|model| model.state == "READY"));
}

#[tokio::test]
async fn calls_that_are_not_served_say_so() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    for method in ["ModelInferOnce", "None"] {
        let status = client.call::<_, ServerLiveResponse>(method, ServerLiveRequest {}).await.unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented);
        assert!(status.message().contains(method), "{}", status.message());
    }
    let status = client
        .call_path::<_, ServerLiveResponse>("/a.B/C", Request::new(ServerLiveRequest {}))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
}

#[tokio::test]
async fn health_is_checked_and_watched() {
    const SERVING: i32 = 1;
    const NOT_SERVING: i32 = 2;
    let server = Server::start().await;
    let mut client = server.connect().await;
    let asked = || Request::new(HealthCheckRequest { service: "any".into() });
    let answer: HealthCheckResponse =
        client.call_path("/grpc.health.v1.Health/Check", asked()).await.unwrap();
    assert_eq!(answer.status, SERVING);

    client.0.ready().await.unwrap();
    let path = PathAndQuery::from_static("/grpc.health.v1.Health/Watch");
    let codec = ProstCodec::<HealthCheckRequest, HealthCheckResponse>::default();
    let mut watch = client.0.server_streaming(asked(), path, codec).await.unwrap().into_inner();
    assert_eq!(watch.next().await.unwrap().unwrap().status, SERVING);
    server.engine.close();
    assert_eq!(watch.next().await.unwrap().unwrap().status, NOT_SERVING);
}

#[tokio::test]
async fn the_services_can_be_listed_by_reflection() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    for version in ["v1", "v1alpha"] {
        client.0.ready().await.unwrap();
        let path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        let path = PathAndQuery::try_from(path).unwrap();
        let message_request = Some(MessageRequest::ListServices("*".into()));
        let asked = ServerReflectionRequest { host: String::new(), message_request };
        let codec = ProstCodec::<ServerReflectionRequest, ServerReflectionResponse>::default();
        let asked = Request::new(tokio_stream::iter(vec![asked]));
        let answers = client.0.streaming(asked, path, codec).await.unwrap().into_inner();
        let text = format!("{:?}", answers.collect::<Vec<_>>().await);
        assert!(text.contains("inference.GRPCInferenceService"), "{text}");
        assert!(text.contains("grpc.health.v1.Health"), "{text}");
    }
}
