//! What is counted, as text: Triton's names and labels.

use trilith_engine::statistics::{LatencyStatistics, ModelStatistics};

use super::host::Usage;
use super::text::Text;

/// A family of one value per model: name, type, help, and where the value comes from.
type Family = (&'static str, &'static str, &'static str, fn(&ModelStatistics) -> u64);

const FAMILIES: [Family; 8] = [
    ("nv_inference_count", "counter", "Inferences made; a request of batch size n counts n", |model| {
        model.inference_count
    }),
    ("nv_inference_exec_count", "counter", "Executions of the model; a batch counts once", |model| {
        model.execution_count
    }),
    (
        "nv_inference_request_duration_us",
        "counter",
        "Microseconds from the arrival of requests to their answers, in all",
        |model| model.success.nanoseconds / 1000,
    ),
    (
        "nv_inference_queue_duration_us",
        "counter",
        "Microseconds that requests spent waiting to be executed, in all",
        |model| model.queue.nanoseconds / 1000,
    ),
    (
        "nv_inference_compute_input_duration_us",
        "counter",
        "Microseconds spent on putting inputs in place, in all",
        |model| model.compute_input.nanoseconds / 1000,
    ),
    (
        "nv_inference_compute_infer_duration_us",
        "counter",
        "Microseconds spent on running the model, in all",
        |model| model.compute_infer.nanoseconds / 1000,
    ),
    (
        "nv_inference_compute_output_duration_us",
        "counter",
        "Microseconds spent on taking outputs apart, in all",
        |model| model.compute_output.nanoseconds / 1000,
    ),
    ("nv_inference_pending_request_count", "gauge", "Requests waiting to be executed now", |model| {
        model.pending
    }),
];

/// Families of models that ask for the response cache.
const OF_CACHE: [Family; 4] = [
    ("nv_cache_num_hits_per_model", "counter", "Requests answered from the response cache", |model| {
        model.cache_hit.count
    }),
    (
        "nv_cache_hit_duration_per_model",
        "counter",
        "Microseconds spent on look-ups in the response cache that found an answer, in all",
        |model| model.cache_hit.nanoseconds / 1000,
    ),
    (
        "nv_cache_num_misses_per_model",
        "counter",
        "Requests to which the response cache held no answer",
        |model| model.cache_miss.count,
    ),
    (
        "nv_cache_miss_duration_per_model",
        "counter",
        "Microseconds spent on look-ups that found nothing and on storing the answer then, in all",
        |model| model.cache_miss.nanoseconds / 1000,
    ),
];

/// All metrics.
pub(super) fn render(models: &[ModelStatistics], usage: Option<Usage>) -> String {
    let mut text = Text::default();
    requests(&mut text, models);
    for (name, kind, help, value) in FAMILIES {
        text.family(name, kind, help);
        for model in models {
            text.sample(name, model, None, value(model));
        }
    }
    cache(&mut text, models);
    if let Some(usage) = usage {
        host(&mut text, usage);
    }
    latencies(&mut text, models);
    text.finish()
}

fn requests(text: &mut Text, models: &[ModelStatistics]) {
    const SUCCESS: &str = "nv_inference_request_success";
    const FAILURE: &str = "nv_inference_request_failure";
    text.family(SUCCESS, "counter", "Requests answered well");
    for model in models {
        text.sample(SUCCESS, model, None, model.success.count);
    }
    text.family(FAILURE, "counter", "Requests that failed, by reason");
    for model in models {
        let failures = model.failures;
        for (reason, count) in [
            ("REJECTED", failures.rejected),
            ("CANCELED", failures.canceled),
            ("BACKEND", failures.backend),
            ("OTHER", failures.other),
        ] {
            text.sample(FAILURE, model, Some(("reason", reason)), count);
        }
    }
}

fn cache(text: &mut Text, models: &[ModelStatistics]) {
    if models.iter().all(|model| !model.cached) {
        return;
    }
    for (name, kind, help, value) in OF_CACHE {
        text.family(name, kind, help);
        for model in models.iter().filter(|model| model.cached) {
            text.sample(name, model, None, value(model));
        }
    }
}

fn host(text: &mut Text, usage: Usage) {
    text.family("nv_cpu_utilization", "gauge", "Share of the machine's CPUs in use, 0.0 to 1.0");
    text.plain("nv_cpu_utilization", usage.cpu);
    text.family("nv_cpu_memory_total_bytes", "gauge", "Memory of the machine in bytes");
    text.plain("nv_cpu_memory_total_bytes", usage.memory_total);
    text.family("nv_cpu_memory_used_bytes", "gauge", "Memory of the machine in use in bytes");
    text.plain("nv_cpu_memory_used_bytes", usage.memory_used);
}

/// Summaries and histograms; every sample of a family has to stand under its one header.
fn latencies(text: &mut Text, models: &[ModelStatistics]) {
    let mut kinds: Vec<&str> = Vec::new();
    for latency in models.iter().flat_map(|model| &model.latencies) {
        if !kinds.contains(&latency.kind) {
            kinds.push(latency.kind);
        }
    }
    for kind in kinds {
        let of_kind: Vec<_> = models
            .iter()
            .flat_map(|model| model.latencies.iter().map(move |latency| (model, latency)))
            .filter(|(_, latency)| latency.kind == kind)
            .collect();
        summaries(text, kind, &of_kind);
        histograms(text, kind, &of_kind);
    }
}

fn summaries(text: &mut Text, kind: &str, latencies: &[(&ModelStatistics, &LatencyStatistics)]) {
    if latencies.iter().all(|(_, latency)| latency.quantiles.is_empty()) {
        return;
    }
    let name = match kind {
        "cache_hit" | "cache_miss" => format!("nv_{kind}_summary_per_model"),
        _ => format!("nv_inference_{kind}_summary_us"),
    };
    text.family(&name, "summary", &format!("Microseconds of {} in the recent past", describe(kind)));
    for (model, latency) in latencies {
        totals(text, &name, model, (latency.count, latency.sum_microseconds));
        for (quantile, value) in &latency.quantiles {
            text.sample(&name, model, Some(("quantile", &quantile.to_string())), number(*value));
        }
    }
}

fn histograms(text: &mut Text, kind: &str, latencies: &[(&ModelStatistics, &LatencyStatistics)]) {
    if latencies.iter().all(|(_, latency)| latency.buckets.is_empty()) {
        return;
    }
    let name = format!("nv_inference_{kind}_histogram_ms");
    let bucket = format!("{name}_bucket");
    text.family(&name, "histogram", &format!("Milliseconds of {} by upper bound", describe(kind)));
    for (model, latency) in latencies {
        totals(text, &name, model, (latency.count, latency.sum_microseconds / 1000.0));
        for (bound, count) in latency.buckets.iter().filter(|(bound, _)| bound.is_finite()) {
            text.sample(&bucket, model, Some(("le", &bound.to_string())), count);
        }
        text.sample(&bucket, model, Some(("le", "+Inf")), latency.count);
    }
}

fn totals(text: &mut Text, name: &str, model: &ModelStatistics, (count, sum): (u64, f64)) {
    text.sample(&format!("{name}_count"), model, None, count);
    text.sample(&format!("{name}_sum"), model, None, number(sum));
}

fn describe(kind: &str) -> String {
    match kind {
        "request" => "requests from arrival to answer".to_owned(),
        "queue" => "waiting to be executed".to_owned(),
        "first_response" => "requests from arrival to their first response".to_owned(),
        "cache_hit" => "answering from the response cache".to_owned(),
        "cache_miss" => "look-ups in the response cache that found nothing, and storing".to_owned(),
        _ => kind.replace('_', " "),
    }
}

/// A number as the format writes it.
fn number(value: f64) -> String {
    if value.is_nan() { "NaN".to_owned() } else { value.to_string() }
}

#[cfg(test)]
mod tests {
    use trilith_engine::statistics::{Duration, Failures};

    use super::*;

    fn model(name: &str) -> ModelStatistics {
        let latency = LatencyStatistics {
            kind: "request",
            count: 3,
            sum_microseconds: 4500.0,
            quantiles: vec![(0.5, 1500.0)],
            buckets: vec![(1.0, 1), (5.0, 3)],
        };
        ModelStatistics {
            name: name.into(),
            version: 2,
            success: Duration { count: 3, nanoseconds: 4_500_999 },
            failures: Failures { rejected: 1, ..Failures::default() },
            pending: 7,
            latencies: vec![latency],
            ..ModelStatistics::default()
        }
    }

    #[test]
    fn names_and_labels_are_tritons() {
        let usage = Usage { cpu: 0.5, memory_total: 10, memory_used: 4 };
        let text = render(&[model("a"), model("q\"\\\n")], Some(usage));
        for line in [
            "nv_inference_request_success{model=\"a\",version=\"2\"} 3",
            "nv_inference_request_failure{model=\"a\",reason=\"REJECTED\",version=\"2\"} 1",
            "nv_inference_request_failure{model=\"a\",reason=\"OTHER\",version=\"2\"} 0",
            "nv_inference_request_duration_us{model=\"a\",version=\"2\"} 4500",
            "# TYPE nv_inference_pending_request_count gauge",
            "nv_inference_pending_request_count{model=\"q\\\"\\\\\\n\",version=\"2\"} 7",
            "nv_cpu_utilization 0.5",
            "nv_inference_request_summary_us_sum{model=\"a\",version=\"2\"} 4500",
            "nv_inference_request_summary_us{model=\"a\",version=\"2\",quantile=\"0.5\"} 1500",
            "nv_inference_request_histogram_ms_bucket{model=\"a\",version=\"2\",le=\"5\"} 3",
            "nv_inference_request_histogram_ms_bucket{model=\"a\",version=\"2\",le=\"+Inf\"} 3",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn tags_of_the_configuration_are_labels_with_an_underscore() {
        let tagged =
            ModelStatistics { metric_tags: [("team".to_owned(), "red".to_owned())].into(), ..model("a") };
        let line = "nv_inference_request_success{_team=\"red\",model=\"a\",version=\"2\"} 3";
        let text = render(&[tagged], None);
        assert!(text.lines().any(|found| found == line), "{text}");
    }

    #[test]
    fn models_that_ask_for_the_cache_have_its_metrics_and_others_do_not() {
        let hits = LatencyStatistics {
            kind: "cache_hit",
            count: 2,
            quantiles: vec![(0.5, 3.0)],
            ..LatencyStatistics::default()
        };
        let cached = ModelStatistics {
            cached: true,
            cache_hit: Duration { count: 2, nanoseconds: 5_000 },
            cache_miss: Duration { count: 1, nanoseconds: 9_999 },
            latencies: vec![hits],
            ..model("a")
        };
        let text = render(&[cached, model("b")], None);
        for line in [
            "nv_cache_num_hits_per_model{model=\"a\",version=\"2\"} 2",
            "nv_cache_hit_duration_per_model{model=\"a\",version=\"2\"} 5",
            "nv_cache_num_misses_per_model{model=\"a\",version=\"2\"} 1",
            "nv_cache_miss_duration_per_model{model=\"a\",version=\"2\"} 9",
            "nv_cache_hit_summary_per_model_count{model=\"a\",version=\"2\"} 2",
            "nv_cache_hit_summary_per_model{model=\"a\",version=\"2\",quantile=\"0.5\"} 3",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert!(!render(&[model("b")], None).contains("nv_cache"));
        assert!(!text.contains("nv_cache_num_hits_per_model{model=\"b\""));
    }

    #[test]
    fn every_family_has_one_header_and_all_its_samples_below_it() {
        let text = render(&[model("a"), model("b")], None);
        let mut headers: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
        let count = headers.len();
        headers.sort_unstable();
        headers.dedup();
        assert_eq!(headers.len(), count);
    }
}
