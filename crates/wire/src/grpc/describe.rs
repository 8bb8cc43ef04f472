//! The calls that only read: health, metadata, configuration, the repository index.

use prost::Message;
use trilith_core::tensor::Shape;
use trilith_core::{Error, Result, Signature, TensorSpec};
use trilith_engine::State;

use super::control::refuse_repository;
use super::convert_request::parse_version;
use super::protocol::inference::model_metadata_response::TensorMetadata;
use super::protocol::inference::repository_index_response::ModelIndex;
use super::protocol::inference::{
    ModelConfig, ModelConfigRequest, ModelConfigResponse, ModelMetadataRequest, ModelMetadataResponse,
    ModelReadyRequest, ModelReadyResponse, RepositoryIndexRequest, RepositoryIndexResponse,
    ServerLiveResponse, ServerMetadataResponse, ServerReadyResponse,
};
use crate::context::Context;

/// Whether the server is alive: who can answer is, to the last request of a shutdown.
pub(super) fn server_live() -> ServerLiveResponse {
    ServerLiveResponse { live: true }
}

/// Whether the server takes requests.
pub(super) async fn server_ready(context: &Context) -> ServerReadyResponse {
    ServerReadyResponse { ready: context.engine.ask_all().await }
}

/// Whether a model takes requests; one that is not known does not.
pub(super) async fn model_ready(context: &Context, request: ModelReadyRequest) -> Result<ModelReadyResponse> {
    let version = parse_version(&request.version)?;
    Ok(ModelReadyResponse { ready: context.engine.ask_model(&request.name, version).await.is_ok() })
}

/// The server's name, version and extensions.
pub(super) fn server_metadata(context: &Context) -> ServerMetadataResponse {
    let server = context.server.clone();
    ServerMetadataResponse { name: server.name, version: server.version, extensions: server.extensions }
}

/// What a model takes and gives.
pub(super) fn model_metadata(
    context: &Context,
    request: &ModelMetadataRequest,
) -> Result<ModelMetadataResponse> {
    let version = parse_version(&request.version)?;
    let model = context.engine.model(&request.name, version)?;
    let versions = match version {
        Some(version) => vec![version],
        None => context.engine.ready_versions(&request.name)?,
    };
    let spec = model.spec();
    let describe =
        |specs: &[TensorSpec]| specs.iter().map(|tensor| tensor_metadata(&spec.signature, tensor)).collect();
    Ok(ModelMetadataResponse {
        name: spec.signature.model.clone(),
        versions: versions.iter().map(ToString::to_string).collect(),
        platform: spec.platform.clone(),
        inputs: describe(&spec.signature.inputs),
        outputs: describe(&spec.signature.outputs),
    })
}

fn tensor_metadata(signature: &Signature, spec: &TensorSpec) -> TensorMetadata {
    let batch: Shape = if signature.is_batched() { Shape::from_slice(&[-1]) } else { Shape::new() };
    TensorMetadata {
        name: spec.name.clone(),
        datatype: spec.datatype.name().into(),
        shape: batch.into_iter().chain(spec.dims.iter().copied()).collect(),
    }
}

/// A model's complete configuration.
pub(super) fn model_config(context: &Context, request: &ModelConfigRequest) -> Result<ModelConfigResponse> {
    let model = context.engine.model(&request.name, parse_version(&request.version)?)?;
    let config = ModelConfig::decode(model.described().proto.clone()).map_err(|error| {
        Error::internal(format!("the configuration of model '{}' cannot be read: {error}", request.name))
    })?;
    Ok(ModelConfigResponse { config: Some(config) })
}

/// Every model that the repositories hold, and in what state it is.
pub(super) fn repository_index(
    context: &Context,
    request: &RepositoryIndexRequest,
) -> Result<RepositoryIndexResponse> {
    refuse_repository(&request.repository_name)?;
    let entries = context.engine.index(request.ready).into_iter();
    let models = entries.map(|entry| ModelIndex {
        name: entry.name,
        version: entry.version.map(|version| version.to_string()).unwrap_or_default(),
        state: state_name(entry.state).into(),
        reason: entry.reason,
    });
    Ok(RepositoryIndexResponse { models: models.collect() })
}

/// The protocol leaves the state empty where nothing is known.
fn state_name(state: State) -> &'static str {
    match state {
        State::Unknown => "",
        State::Loading => "LOADING",
        State::Ready => "READY",
        State::Unloading => "UNLOADING",
        State::Unavailable => "UNAVAILABLE",
    }
}
