//! What Python says of a model and of the server, as JSON: the forms that `_native.pyi` describes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
#[cfg(feature = "grpc")]
use std::time::Duration;

use bytes::Bytes;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use trilith_core::tensor::Shape;
use trilith_core::{DataType, Signature, TensorSpec};
use trilith_engine::statistics::LatencyOptions;
use trilith_engine::{
    BatchTensors, Demand, EngineOptions, ModelSpec, QueuePolicy, Resource, SchedulerSpec, Supply,
    TimeoutAction,
};
#[cfg(any(feature = "http", feature = "grpc"))]
use trilith_wire::forward::HeaderPattern;
#[cfg(feature = "grpc")]
use trilith_wire::grpc::{CompressionLevel, PingOptions};
#[cfg(any(feature = "http", feature = "grpc"))]
use trilith_wire::restriction::{Api, Restrictions};
use trilith_wire::{LogSettings, ServerInfo};

use crate::batch_spec::{BatchInputForm, BatchOutputForm};
use crate::ensemble_spec::EnsembleForm;
use crate::sequence_spec::SequenceForm;
use crate::tracing::TraceForm;

/// Reads JSON into one of the forms below; `what` names it in the error.
pub(crate) fn parse<T: DeserializeOwned>(text: &str, what: &str) -> PyResult<T> {
    serde_json::from_str(text).map_err(|error| PyValueError::new_err(format!("{what}: {error}")))
}

/// Options of the whole server.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServerForm {
    name: String,
    version: String,
    extensions: Vec<String>,
    #[serde(default)]
    strict_readiness: bool,
    #[serde(default)]
    pub(crate) client_shared_memory: bool,
    #[serde(default)]
    pub(crate) threads: usize,
    #[serde(default)]
    rate_limit: Option<Vec<SupplyForm>>,
    #[serde(default)]
    latencies: LatencyForm,
    #[serde(default)]
    log: LogForm,
    pub(crate) trace: Option<TraceForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LogForm {
    file: String,
    info: bool,
    warning: bool,
    error: bool,
    verbose: u32,
    format: String,
}

impl Default for LogForm {
    fn default() -> Self {
        let LogSettings { file, info, warning, error, verbose_level, format } = LogSettings::default();
        Self { file, info, warning, error, verbose: verbose_level, format }
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LatencyForm {
    summaries: bool,
    quantiles: Vec<(f64, f64)>,
    histograms: bool,
}

impl ServerForm {
    pub(crate) fn info(&self) -> ServerInfo {
        ServerInfo {
            name: self.name.clone(),
            version: self.version.clone(),
            extensions: self
                .extensions
                .iter()
                .filter(|name| *name != "trace" || cfg!(feature = "tracing"))
                .cloned()
                .collect(),
        }
    }

    pub(crate) fn log_settings(&self) -> LogSettings {
        let LogForm { file, info, warning, error, verbose, format } = &self.log;
        LogSettings {
            file: file.clone(),
            info: *info,
            warning: *warning,
            error: *error,
            verbose_level: *verbose,
            format: format.clone(),
        }
    }

    pub(crate) fn engine_options(&self) -> EngineOptions {
        EngineOptions {
            strict_readiness: self.strict_readiness,
            rate_limit: self
                .rate_limit
                .as_ref()
                .map(|supplies| supplies.iter().map(SupplyForm::supply).collect()),
            latencies: LatencyOptions {
                summaries: self.latencies.summaries,
                quantiles: self.latencies.quantiles.clone(),
                histograms: self.latencies.histograms,
            },
        }
    }
}

/// How much there is of a resource.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SupplyForm {
    name: String,
    device: Option<u32>,
    count: u64,
}

impl SupplyForm {
    fn supply(&self) -> Supply {
        Supply { name: self.name.clone(), device: self.device, count: self.count }
    }
}

/// What an instance asks for; nothing where the text is empty.
pub(crate) fn parse_demand(text: &str) -> PyResult<Demand> {
    if text.is_empty() {
        return Ok(Demand::default());
    }
    let form: DemandForm = parse(text, "demand")?;
    let resources = form.resources.into_iter();
    let resources = resources.map(|SupplyForm { name, device, count }| (Resource { name, device }, count));
    Ok(Demand { resources: resources.collect(), priority: form.priority })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DemandForm {
    resources: Vec<SupplyForm>,
    priority: u32,
}

/// A model version.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModelForm {
    name: String,
    #[serde(default)]
    namespace: String,
    version: i64,
    platform: String,
    backend: String,
    max_batch_size: u32,
    #[serde(default)]
    decoupled: bool,
    #[serde(default)]
    cached: bool,
    inputs: Vec<TensorForm>,
    outputs: Vec<TensorForm>,
    #[serde(default)]
    scheduler: SchedulerForm,
    #[serde(default)]
    metric_tags: BTreeMap<String, String>,
    #[serde(default)]
    histogram_bounds: Vec<f64>,
    sequence: Option<SequenceForm>,
    ensemble: Option<EnsembleForm>,
    #[serde(default)]
    batch_inputs: Vec<BatchInputForm>,
    #[serde(default)]
    batch_outputs: Vec<BatchOutputForm>,
    #[serde(default)]
    config_json: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TensorForm {
    name: String,
    datatype: String,
    dims: Vec<i64>,
    #[serde(default)]
    reshape: Option<Vec<i64>>,
    #[serde(default)]
    optional: bool,
    #[serde(default)]
    ragged: bool,
    #[serde(default)]
    labels: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SchedulerForm {
    dynamic: bool,
    preferred_batch_sizes: Vec<u32>,
    max_queue_delay_microseconds: u64,
    preserve_ordering: bool,
    priority_levels: u64,
    default_priority_level: u64,
    default_policy: PolicyForm,
    policies: BTreeMap<u64, PolicyForm>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PolicyForm {
    timeout_action: ActionForm,
    default_timeout_microseconds: u64,
    allow_timeout_override: bool,
    max_queue_size: u32,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum ActionForm {
    #[default]
    Reject,
    Delay,
}

impl ModelForm {
    /// The spec, with the configuration as a serialized `ModelConfig`.
    pub(crate) fn into_spec(self, serialized: &[u8]) -> PyResult<ModelSpec> {
        let signature = Signature {
            model: self.name,
            version: self.version,
            max_batch_size: self.max_batch_size,
            inputs: self.inputs.into_iter().map(TensorForm::into_spec).collect::<PyResult<_>>()?,
            outputs: self.outputs.into_iter().map(TensorForm::into_spec).collect::<PyResult<_>>()?,
        };
        let ensemble = self.ensemble.map(|form| form.into_graph(&signature)).transpose()?;
        Ok(ModelSpec {
            signature,
            namespace: self.namespace.into(),
            ensemble,
            scheduler: self.scheduler.into_spec(),
            sequence: self.sequence.map(SequenceForm::into_spec).transpose()?,
            batch_tensors: BatchTensors {
                inputs: self
                    .batch_inputs
                    .into_iter()
                    .map(BatchInputForm::into_spec)
                    .collect::<PyResult<_>>()?,
                outputs: self.batch_outputs.into_iter().map(BatchOutputForm::into_spec).collect(),
            },
            decoupled: self.decoupled,
            cached: self.cached,
            platform: self.platform,
            backend: self.backend,
            histogram_bounds: self.histogram_bounds,
            metric_tags: self.metric_tags.into_iter().collect(),
            config_json: self.config_json,
            config_proto: Bytes::copy_from_slice(serialized),
        })
    }
}

impl TensorForm {
    fn into_spec(self) -> PyResult<TensorSpec> {
        let datatype = DataType::parse(&self.datatype).ok_or_else(|| {
            PyValueError::new_err(format!("tensor '{}': unknown datatype '{}'", self.name, self.datatype))
        })?;
        Ok(TensorSpec {
            name: self.name,
            datatype,
            dims: Shape::from_vec(self.dims),
            reshape: self.reshape.map(Shape::from_vec),
            optional: self.optional,
            ragged: self.ragged,
            labels: Arc::from(self.labels),
        })
    }
}

impl SchedulerForm {
    fn into_spec(self) -> SchedulerSpec {
        SchedulerSpec {
            dynamic: self.dynamic,
            preferred_batch_sizes: self.preferred_batch_sizes,
            max_queue_delay: self.max_queue_delay_microseconds.saturating_mul(1_000),
            preserve_ordering: self.preserve_ordering,
            priority_levels: self.priority_levels,
            default_priority_level: self.default_priority_level,
            default_policy: self.default_policy.into_policy(),
            policies: self
                .policies
                .into_iter()
                .map(|(level, policy)| (level, policy.into_policy()))
                .collect(),
        }
    }
}

impl PolicyForm {
    fn into_policy(self) -> QueuePolicy {
        QueuePolicy {
            timeout_action: match self.timeout_action {
                ActionForm::Reject => TimeoutAction::Reject,
                ActionForm::Delay => TimeoutAction::Delay,
            },
            default_timeout: self.default_timeout_microseconds.saturating_mul(1_000),
            allow_timeout_override: self.allow_timeout_override,
            max_queue_size: self.max_queue_size,
        }
    }
}

/// Where an endpoint listens.
#[derive(Deserialize)]
pub(crate) struct ListenForm {
    /// A name or an address, or `unix:PATH`.
    pub(crate) address: String,
    pub(crate) port: u16,
    #[serde(default)]
    pub(crate) reuse_port: bool,
    /// Permissions of a Unix domain socket.
    #[serde(default)]
    pub(crate) socket_mode: Option<u32>,
    #[serde(default)]
    pub(crate) encryption: Option<TlsForm>,
}

/// Files that hold what TLS needs.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "read to be refused"))]
pub(crate) struct TlsForm {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    #[serde(default)]
    pub(crate) roots: Option<PathBuf>,
}

/// Parts of the protocol that take a secret.
#[cfg(any(feature = "http", feature = "grpc"))]
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RestrictionForm {
    apis: Vec<String>,
    header: String,
    value: String,
}

/// What headers open, and what they tell models.
#[cfg(any(feature = "http", feature = "grpc"))]
#[derive(Deserialize)]
pub(crate) struct HeaderForm {
    #[serde(default)]
    restrictions: Vec<RestrictionForm>,
    #[serde(default)]
    header_pattern: Option<String>,
}

#[cfg(any(feature = "http", feature = "grpc"))]
impl HeaderForm {
    pub(crate) fn restrictions(&self) -> PyResult<Restrictions> {
        let mut restrictions = Restrictions::default();
        for form in &self.restrictions {
            for name in &form.apis {
                let found = Api::NAMES.iter().find(|(known, _)| known == name).map(|(_, api)| *api);
                found.and_then(|api| restrictions.restrict(api, &form.header, &form.value)).ok_or_else(
                    || PyValueError::new_err(format!("'{name}' cannot be restricted by '{}'", form.header)),
                )?;
            }
        }
        Ok(restrictions)
    }

    pub(crate) fn pattern(&self) -> PyResult<Option<HeaderPattern>> {
        let read = |pattern| HeaderPattern::read(pattern).map_err(PyValueError::new_err);
        self.header_pattern.as_deref().map(read).transpose()
    }
}

/// Options of the HTTP endpoint.
#[cfg(feature = "http")]
#[derive(Deserialize)]
pub(crate) struct HttpForm {
    #[serde(flatten)]
    pub(crate) listen: ListenForm,
    #[serde(default)]
    pub(crate) max_input_size: Option<usize>,
    #[serde(default)]
    pub(crate) client_timeout_seconds: Option<u64>,
    #[serde(default)]
    pub(crate) max_connections: Option<usize>,
    #[serde(flatten)]
    pub(crate) headers: HeaderForm,
}

/// Options of the gRPC endpoint.
#[cfg(feature = "grpc")]
#[derive(Deserialize)]
pub(crate) struct GrpcForm {
    #[serde(flatten)]
    pub(crate) listen: ListenForm,
    #[serde(default)]
    pub(crate) max_message_size: Option<usize>,
    #[serde(default)]
    pub(crate) keepalive_time_ms: Option<u64>,
    #[serde(default)]
    pub(crate) keepalive_timeout_ms: Option<u64>,
    #[serde(default)]
    pub(crate) permit_without_calls: Option<bool>,
    #[serde(default)]
    pub(crate) max_pings_without_data: Option<u32>,
    #[serde(default)]
    pub(crate) min_ping_interval_ms: Option<u64>,
    #[serde(default)]
    pub(crate) max_ping_strikes: Option<u32>,
    #[serde(default)]
    pub(crate) max_connection_age_ms: Option<u64>,
    #[serde(default)]
    pub(crate) max_connection_age_grace_ms: Option<u64>,
    /// `none`, `low`, `medium` or `high`.
    #[serde(default)]
    pub(crate) response_compression: Option<String>,
    #[serde(flatten)]
    pub(crate) headers: HeaderForm,
    #[serde(default)]
    pub(crate) client_timeout_seconds: Option<u64>,
}

#[cfg(feature = "grpc")]
impl GrpcForm {
    pub(crate) fn pings(&self) -> PingOptions {
        PingOptions {
            permit_without_calls: self.permit_without_calls,
            max_without_data: self.max_pings_without_data,
            min_interval: self.min_ping_interval_ms.map(Duration::from_millis),
            max_strikes: self.max_ping_strikes,
        }
    }

    pub(crate) fn compression(&self) -> PyResult<CompressionLevel> {
        match self.response_compression.as_deref() {
            None | Some("none") => Ok(CompressionLevel::None),
            Some("low") => Ok(CompressionLevel::Low),
            Some("medium") => Ok(CompressionLevel::Medium),
            Some("high") => Ok(CompressionLevel::High),
            Some(other) => Err(PyValueError::new_err(format!("there is no compression level '{other}'"))),
        }
    }
}

/// Options of the metrics endpoint.
#[cfg(feature = "metrics")]
#[derive(Deserialize)]
pub(crate) struct MetricsForm {
    #[serde(flatten)]
    pub(crate) listen: ListenForm,
    #[serde(default)]
    pub(crate) cpu: bool,
    #[serde(default)]
    pub(crate) client_timeout_seconds: Option<u64>,
}
