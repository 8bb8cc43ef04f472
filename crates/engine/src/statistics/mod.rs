//! What is counted and timed, exactly as the statistics extension defines it.
//!
//! - here: what is shown, as plain values
//! - [`ledger`]: where it is counted, under one short lock for each batch
//! - [`responses`]: the same for the single responses of decoupled models
//! - [`latency`]: quantiles over the recent window, and histograms

pub(crate) mod latency;
pub(crate) mod ledger;
pub(crate) mod responses;

use std::sync::Arc;

/// How often something happened and how long it took in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Duration {
    /// How often.
    pub count: u64,
    /// Nanoseconds in all.
    pub nanoseconds: u64,
}

/// Times of executions at one batch size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchStatistics {
    /// The size.
    pub batch_size: u64,
    /// Gathering inputs.
    pub compute_input: Duration,
    /// Running the model.
    pub compute_infer: Duration,
    /// Taking outputs apart.
    pub compute_output: Duration,
}

/// What became of the responses with one index, over all requests to a decoupled model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResponseStatistics {
    /// Making them.
    pub compute_infer: Duration,
    /// Taking their outputs over.
    pub compute_output: Duration,
    /// Those with outputs.
    pub success: Duration,
    /// Those that were errors.
    pub fail: Duration,
    /// Those without outputs, and the ends of requests after which none came.
    pub empty_response: Duration,
    /// Those in whose place a cancelled request ended.
    pub cancel: Duration,
}

/// Why requests failed, by the names of the metric's label `reason`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// `REJECTED`: late or over the bound of the queue.
    pub rejected: u64,
    /// `CANCELED`: the client went away.
    pub canceled: u64,
    /// `BACKEND`: the model failed.
    pub backend: u64,
    /// `OTHER`: anything else.
    pub other: u64,
}

/// A consistent copy of one model version's statistics.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelStatistics {
    /// Name of the model.
    pub name: String,
    /// The namespace that it lies in; may be empty.
    pub namespace: Arc<str>,
    /// Its version.
    pub version: i64,
    /// Milliseconds since 1970 of the last request; 0 for none.
    pub last_inference: u64,
    /// Inferences made: a request of batch size n counts n.
    pub inference_count: u64,
    /// Executions made: a batch counts one.
    pub execution_count: u64,
    /// Requests answered well, from arrival to answer.
    pub success: Duration,
    /// Requests that failed.
    pub fail: Duration,
    /// Waiting in the queue.
    pub queue: Duration,
    /// Gathering inputs.
    pub compute_input: Duration,
    /// Running the model.
    pub compute_infer: Duration,
    /// Taking outputs apart.
    pub compute_output: Duration,
    /// Answers from the response cache.
    pub cache_hit: Duration,
    /// Look-ups in the response cache that found nothing.
    pub cache_miss: Duration,
    /// Whether its configuration asks for the response cache.
    pub cached: bool,
    /// By batch size, ascending.
    pub batches: Vec<BatchStatistics>,
    /// By index of the response within its request, for decoupled models; the last place is for all later ones too.
    pub responses: Vec<ResponseStatistics>,
    /// Labels of its metrics beside name and version, in alphabetical order.
    pub metric_tags: Arc<[(String, String)]>,
    /// Requests waiting now.
    pub pending: u64,
    /// Failures by reason.
    pub failures: Failures,
    /// Latency summaries and histograms by kind, where they are switched on.
    pub latencies: Vec<LatencyStatistics>,
}

/// Which latencies are kept beside the counters (`--metrics-config`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LatencyOptions {
    /// `summary_latencies=true`.
    pub summaries: bool,
    /// `summary_quantiles`: pairs of quantile and allowed error; empty for Triton's own choice.
    pub quantiles: Vec<(f64, f64)>,
    /// `histogram_latencies=true`.
    pub histograms: bool,
}

/// One kind of latency of one model version, in microseconds (summaries) and milliseconds (histograms).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LatencyStatistics {
    /// `request`, `queue`, `compute_input`, `compute_infer`, `compute_output`, `cache_hit`, `cache_miss` have
    /// quantiles;
    /// `first_response` has buckets.
    pub kind: &'static str,
    /// How many were observed.
    pub count: u64,
    /// Their sum in microseconds.
    pub sum_microseconds: f64,
    /// Quantile and its value in microseconds over the recent window; empty where summaries are off.
    pub quantiles: Vec<(f64, f64)>,
    /// Upper bound in milliseconds and cumulative count; empty where histograms are off.
    pub buckets: Vec<(f64, u64)>,
}
