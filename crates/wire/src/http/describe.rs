//! Metadata, statistics and the repository index as JSON.

use trilith_core::{Signature, TensorSpec};
use trilith_engine::statistics::{BatchStatistics, Duration, ModelStatistics, ResponseStatistics};
use trilith_engine::{IndexEntry, ModelSpec, State};

use super::json::Writer;
use crate::context::ServerInfo;

/// The server's metadata.
pub(super) fn server(info: &ServerInfo) -> Vec<u8> {
    let mut json = Writer::with_capacity(512);
    json.raw("{\"name\":").string(&info.name).raw(",\"version\":").string(&info.version);
    json.raw(",\"extensions\":").list(("[", "]"), &info.extensions, |json, extension| {
        json.string(extension);
    });
    json.raw("}");
    json.0
}

/// A model's metadata.
pub(super) fn model(spec: &ModelSpec, versions: &[i64]) -> Vec<u8> {
    let mut json = Writer::with_capacity(512);
    json.raw("{\"name\":").string(&spec.signature.model).raw(",\"versions\":");
    json.list(("[", "]"), versions, |json, version| {
        json.raw("\"").integer(*version).raw("\"");
    });
    json.raw(",\"platform\":").string(&spec.platform).raw(",\"inputs\":");
    json.list(("[", "]"), &spec.signature.inputs, |json, input| tensor(json, &spec.signature, input));
    json.raw(",\"outputs\":");
    json.list(("[", "]"), &spec.signature.outputs, |json, output| tensor(json, &spec.signature, output));
    json.raw("}");
    json.0
}

fn tensor(json: &mut Writer, signature: &Signature, spec: &TensorSpec) {
    json.raw("{\"name\":").string(&spec.name).raw(",\"datatype\":\"").raw(spec.datatype.name());
    let batch = signature.is_batched().then_some(&-1);
    json.raw("\",\"shape\":").list(("[", "]"), batch.into_iter().chain(&spec.dims), |json, extent| {
        json.integer(*extent);
    });
    json.raw("}");
}

/// The repository index.
pub(super) fn index(entries: &[IndexEntry]) -> Vec<u8> {
    let mut json = Writer::with_capacity(64 * (entries.len() + 1));
    json.list(("[", "]"), entries, |json, entry| {
        json.raw("{\"name\":").string(&entry.name);
        if let Some(version) = entry.version {
            json.raw(",\"version\":\"").integer(version).raw("\"");
        }
        // A model that nobody has asked for yet is known by its name alone.
        if entry.version.is_some() || entry.state != State::Unknown {
            json.raw(",\"state\":\"").raw(state_name(entry.state)).raw("\"");
        }
        if !entry.reason.is_empty() {
            json.raw(",\"reason\":").string(&entry.reason);
        }
        json.raw("}");
    });
    json.0
}

fn state_name(state: State) -> &'static str {
    match state {
        State::Unknown => "UNKNOWN",
        State::Loading => "LOADING",
        State::Ready => "READY",
        State::Unloading => "UNLOADING",
        State::Unavailable => "UNAVAILABLE",
    }
}

/// Statistics of models, as the statistics extension has them.
pub(super) fn statistics(models: &[ModelStatistics]) -> Vec<u8> {
    let mut json = Writer::with_capacity(1024 * (models.len() + 1));
    json.raw("{\"model_stats\":").list(("[", "]"), models, one_model).raw("}");
    json.0
}

fn one_model(json: &mut Writer, model: &ModelStatistics) {
    json.raw("{\"name\":").string(&model.name).raw(",\"version\":\"").integer(model.version);
    json.raw("\",\"last_inference\":").integer(model.last_inference);
    json.raw(",\"inference_count\":").integer(model.inference_count);
    json.raw(",\"execution_count\":").integer(model.execution_count);
    let durations = [
        ("success", model.success),
        ("fail", model.fail),
        ("queue", model.queue),
        ("compute_input", model.compute_input),
        ("compute_infer", model.compute_infer),
        ("compute_output", model.compute_output),
        ("cache_hit", model.cache_hit),
        ("cache_miss", model.cache_miss),
    ];
    json.raw(",\"inference_stats\":").list(("{", "}"), durations, duration);
    json.raw(",\"response_stats\":").list(("{", "}"), model.responses.iter().enumerate(), response);
    json.raw(",\"batch_stats\":").list(("[", "]"), &model.batches, batch);
    json.raw(",\"memory_usage\":[]}");
}

fn batch(json: &mut Writer, batch: &BatchStatistics) {
    json.raw("{\"batch_size\":").integer(batch.batch_size);
    let durations = [
        ("compute_input", batch.compute_input),
        ("compute_infer", batch.compute_infer),
        ("compute_output", batch.compute_output),
    ];
    json.list((",", "}"), durations, duration);
}

fn response(json: &mut Writer, (index, response): (usize, &ResponseStatistics)) {
    json.raw("\"").integer(index as u64).raw("\":");
    let durations = [
        ("compute_infer", response.compute_infer),
        ("compute_output", response.compute_output),
        ("success", response.success),
        ("fail", response.fail),
        ("empty_response", response.empty_response),
        ("cancel", response.cancel),
    ];
    json.list(("{", "}"), durations, duration);
}

fn duration(json: &mut Writer, (name, duration): (&str, Duration)) {
    json.string(name).raw(":{\"count\":").integer(duration.count);
    json.raw(",\"ns\":").integer(duration.nanoseconds).raw("}");
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use trilith_core::DataType;
    use trilith_core::tensor::Shape;

    use super::*;

    fn text(json: Vec<u8>) -> String {
        String::from_utf8(json).unwrap()
    }

    #[test]
    fn metadata_shows_the_batch_dimension() {
        let spec = TensorSpec {
            name: "A".into(),
            datatype: DataType::Fp32,
            dims: Shape::from_slice(&[3, -1]),
            reshape: None,
            optional: false,
            ragged: false,
            labels: Arc::new([]),
        };
        let signature = Signature {
            model: "m".into(),
            version: 2,
            max_batch_size: 8,
            inputs: vec![spec],
            outputs: vec![],
        };
        let spec = ModelSpec { signature, platform: "python".into(), ..ModelSpec::default() };
        assert_eq!(
            text(model(&spec, &[1, 2])),
            r#"{"name":"m","versions":["1","2"],"platform":"python","inputs":[{"name":"A","datatype":"FP32","shape":[-1,3,-1]}],"outputs":[]}"#
        );
    }

    #[test]
    fn the_index_says_what_is_known_of_each_version() {
        let entry = |version, state, reason: &str| IndexEntry {
            name: "m".into(),
            namespace: String::new(),
            version,
            state,
            reason: reason.into(),
        };
        let entries = [
            entry(Some(1), State::Ready, ""),
            entry(None, State::Unavailable, "no"),
            entry(None, State::Unknown, ""),
        ];
        assert_eq!(
            text(index(&entries)),
            r#"[{"name":"m","version":"1","state":"READY"},{"name":"m","state":"UNAVAILABLE","reason":"no"},{"name":"m"}]"#
        );
    }

    #[test]
    fn statistics_carry_every_member_of_the_extension() {
        let two = Duration { count: 1, nanoseconds: 2 };
        let batches =
            vec![BatchStatistics { batch_size: 4, compute_input: two, ..BatchStatistics::default() }];
        let model = ModelStatistics {
            name: "m".into(),
            version: 1,
            success: two,
            batches,
            responses: vec![ResponseStatistics { empty_response: two, ..ResponseStatistics::default() }],
            ..ModelStatistics::default()
        };
        let json = text(statistics(&[model]));
        assert!(json.starts_with(r#"{"model_stats":[{"name":"m","version":"1","last_inference":0,"inference_count":0,"execution_count":0,"inference_stats":{"success":{"count":1,"ns":2},"fail":{"count":0,"ns":0},"#));
        assert!(json.ends_with(r#""response_stats":{"0":{"compute_infer":{"count":0,"ns":0},"compute_output":{"count":0,"ns":0},"success":{"count":0,"ns":0},"fail":{"count":0,"ns":0},"empty_response":{"count":1,"ns":2},"cancel":{"count":0,"ns":0}}},"batch_stats":[{"batch_size":4,"compute_input":{"count":1,"ns":2},"compute_infer":{"count":0,"ns":0},"compute_output":{"count":0,"ns":0}}],"memory_usage":[]}]}"#));
    }
}
