//! Where requests and executions are counted.

use parking_lot::Mutex;
use smallvec::SmallVec;
use trilith_core::ComputeTimes;

use crate::clock::{Clock, Nanos};
use crate::statistics::latency::{Latencies, Parts};
use crate::statistics::responses::{self, Came, Course};
use crate::statistics::{BatchStatistics, Duration, Failures, LatencyOptions, ModelStatistics};

/// Why a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Late, or over the bound of the queue.
    Rejected,
    /// The client went away.
    Canceled,
    /// The model failed.
    Backend,
    /// Anything else.
    Other,
}

/// How one request of a batch ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub queued: Nanos,
    pub ended: Nanos,
    pub batch_size: u32,
    /// Whether the model answered; an answer that is an error of the model's own choice counts as well.
    pub answered: bool,
}

/// When the phases of an execution ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Phases {
    /// When it was taken from the queue.
    pub taken: Nanos,
    pub inputs_ready: Option<Nanos>,
    pub executed: Option<Nanos>,
}

/// One execution: what it took and how its requests ended.
#[derive(Debug)]
pub(crate) struct Execution {
    pub batch_size: u64,
    pub phases: Phases,
    pub outcomes: SmallVec<[Outcome; 4]>,
}

/// The counters of one model version.
pub(crate) struct Ledger {
    page: Mutex<Page>,
}

struct Page {
    /// What is shown, but for the names and the latencies.
    sums: ModelStatistics,
    latencies: Option<Latencies>,
}

impl Ledger {
    pub(crate) fn new(options: &LatencyOptions, cached: bool, bounds: &[f64]) -> Self {
        let latencies = Latencies::new(options, cached, bounds);
        let page = Page { sums: ModelStatistics::default(), latencies };
        Self { page: Mutex::new(page) }
    }

    /// Takes in a request that failed before it ran.
    pub(crate) fn record_failure(&self, reason: Failure, nanoseconds: Nanos) {
        let mut page = self.page.lock();
        page.sums.fail.add(1, nanoseconds);
        page.sums.failures.add(reason);
    }

    /// Takes in a request that was answered from the cache: a success that waited for nothing and computed nothing.
    pub(crate) fn record_hit(&self, queued: Nanos, ended: Nanos, looked_up: Nanos) {
        let request = ended.saturating_sub(queued);
        let mut page = self.page.lock();
        page.sums.success.add(1, request);
        page.sums.queue.add(1, 0);
        page.sums.cache_hit.add(1, looked_up);
        if let Some(latencies) = &mut page.latencies {
            latencies.observe_hit(ended, request / 1000, looked_up / 1000);
        }
    }

    /// Takes in that a request was not answered from the cache: how long the look-up took, which is part of the request
    /// already, and the storing of its answer where it was stored.
    pub(crate) fn record_miss(&self, now: Nanos, looked_up: Nanos, stored: Option<Nanos>) {
        let took = looked_up + stored.unwrap_or(0);
        let mut page = self.page.lock();
        page.sums.success.nanoseconds += stored.unwrap_or(0);
        page.sums.cache_miss.add(1, took);
        if let Some(latencies) = &mut page.latencies {
            latencies.observe_miss(now, took / 1000);
        }
    }

    /// Takes in an execution that has ended.
    pub(crate) fn record(&self, execution: &Execution, clock: &dyn Clock) {
        let unix = clock.unix_milliseconds();
        let end = execution.outcomes.iter().map(|outcome| outcome.ended).max();
        let computed = execution.phases.times(end.unwrap_or(execution.phases.taken));
        let mut page = self.page.lock();
        page.sums.last_inference = page.sums.last_inference.max(unix);
        page.sums.execution_count += 1;
        page.sums.batch(execution.batch_size).add(&computed);
        for outcome in &execution.outcomes {
            page.add(outcome, execution.phases.taken, &computed);
        }
    }

    /// Takes in what came of one response of a decoupled model, or of the end of its request in the place of one.
    pub(crate) fn record_response(&self, index: u32, came: Came, course: &Course) {
        responses::add(&mut self.page.lock().sums.responses, index, came, course);
    }

    /// Takes in a request that was answered by steps of an ensemble, which took so long in all.
    pub(crate) fn record_composed(
        &self,
        outcome: Outcome,
        taken: Nanos,
        times: ComputeTimes,
        clock: &dyn Clock,
    ) {
        let unix = clock.unix_milliseconds();
        let mut page = self.page.lock();
        page.sums.last_inference = page.sums.last_inference.max(unix);
        page.sums.execution_count += 1;
        page.sums.batch(u64::from(outcome.batch_size)).add(&times);
        page.add(&outcome, taken, &times);
    }

    /// A copy for showing.
    pub(crate) fn snapshot(&self, now: Nanos) -> ModelStatistics {
        let page = self.page.lock();
        let latencies = page.latencies.as_ref().map(|latencies| latencies.snapshot(now)).unwrap_or_default();
        ModelStatistics { latencies, ..page.sums.clone() }
    }
}

impl Phases {
    /// When the model began, as far as it was noted.
    pub(crate) fn began(&self) -> Nanos {
        self.inputs_ready.unwrap_or(self.taken)
    }

    /// How long they were, where the last one ended then.
    pub(crate) fn times(&self, end: Nanos) -> ComputeTimes {
        // A phase whose end was not noted takes no time (inputs) or all that is left (the model).
        let inputs_ready = self.began();
        let executed = self.executed.unwrap_or(end);
        ComputeTimes {
            input: inputs_ready.saturating_sub(self.taken),
            infer: executed.saturating_sub(inputs_ready),
            output: end.saturating_sub(executed),
        }
    }
}

impl Page {
    fn add(&mut self, outcome: &Outcome, taken: Nanos, computed: &ComputeTimes) {
        let request = outcome.ended.saturating_sub(outcome.queued);
        if !outcome.answered {
            self.sums.fail.add(1, request);
            self.sums.failures.add(Failure::Backend);
            return;
        }
        let queue = taken.saturating_sub(outcome.queued);
        self.sums.inference_count += u64::from(outcome.batch_size);
        self.sums.success.add(1, request);
        self.sums.queue.add(1, queue);
        self.sums.compute_input.add(1, computed.input);
        self.sums.compute_infer.add(1, computed.infer);
        self.sums.compute_output.add(1, computed.output);
        if let Some(latencies) = &mut self.latencies {
            let parts = Parts {
                request: request / 1000,
                queue: queue / 1000,
                compute_input: computed.input / 1000,
                compute_infer: computed.infer / 1000,
                compute_output: computed.output / 1000,
            };
            latencies.observe(outcome.ended, &parts);
        }
    }
}

impl ModelStatistics {
    fn batch(&mut self, batch_size: u64) -> &mut BatchStatistics {
        let position = match self.batches.binary_search_by_key(&batch_size, |batch| batch.batch_size) {
            Ok(position) => position,
            Err(position) => {
                self.batches.insert(position, BatchStatistics { batch_size, ..BatchStatistics::default() });
                position
            }
        };
        &mut self.batches[position]
    }
}

impl BatchStatistics {
    fn add(&mut self, computed: &ComputeTimes) {
        self.compute_input.add(1, computed.input);
        self.compute_infer.add(1, computed.infer);
        self.compute_output.add(1, computed.output);
    }
}

impl Duration {
    pub(crate) fn add(&mut self, count: u64, nanoseconds: Nanos) {
        self.count += count;
        self.nanoseconds += nanoseconds;
    }
}

impl Failures {
    fn add(&mut self, reason: Failure) {
        let counter = match reason {
            Failure::Rejected => &mut self.rejected,
            Failure::Canceled => &mut self.canceled,
            Failure::Backend => &mut self.backend,
            Failure::Other => &mut self.other,
        };
        *counter += 1;
    }
}
