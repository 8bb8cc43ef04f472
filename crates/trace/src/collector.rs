//! Traces on their way to an OpenTelemetry collector, by OTLP over HTTP.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use trilith_core::Result;
use trilith_core::trace::Parent;

use crate::export::{Exporter, Failure};
use crate::identity::Identity;
use crate::otlp;
use crate::output::{Notice, Output};
use crate::recording::Finished;
use crate::spans::{count, spans};
use crate::time::Timebase;
use crate::values::Values;

/// How often a message is sent that the collector wants to have later, how long is waited before the second time, and
/// how long at most: as OpenTelemetry's own exporters do.
const MOST_ATTEMPTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Where spans go and how, by Triton's names.
pub struct CollectorOptions {
    /// `url`: where to.
    pub exporter: Exporter,
    /// `resource`: what is said of the server.
    pub resource: Vec<(String, String)>,
    /// `bsp_max_queue_size`: spans that may wait.
    pub most_waiting: usize,
    /// `bsp_schedule_delay`: how long they wait at most before they are sent.
    pub delay: Duration,
    /// `bsp_max_export_batch_size`: spans that are sent at once.
    pub most_sent: usize,
}

#[derive(Default)]
struct Waiting {
    traces: VecDeque<Finished>,
    spans: usize,
    dropped: u64,
    is_closed: bool,
}

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    news: Condvar,
}

impl Shared {
    /// Waits so long; false if nothing more is to come, which ends the wait.
    fn pause(&self, length: Duration) -> bool {
        let until = Instant::now() + length;
        let mut waiting = self.waiting.lock();
        while !waiting.is_closed {
            if self.news.wait_until(&mut waiting, until).timed_out() {
                return true;
            }
        }
        false
    }
}

/// Sends spans on a thread of its own.
pub struct CollectorOutput {
    shared: Arc<Shared>,
    most_waiting: usize,
    sender: Mutex<Option<JoinHandle<u64>>>,
}

impl CollectorOutput {
    /// Starts the thread.
    pub fn start(options: CollectorOptions, time: Timebase, notice: Notice) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let (own, most_waiting) = (Arc::clone(&shared), options.most_waiting);
        let sender = Sender { options, time, notice, lost: 0, is_failing: false };
        let sender = thread::Builder::new().name("trace-collector".into()).spawn(move || sender.run(&own))?;
        Ok(Self { shared, most_waiting, sender: Mutex::new(Some(sender)) })
    }
}

impl Output for CollectorOutput {
    fn identify(&self, parent: Parent<'_>) -> (bool, Identity) {
        Identity::of(parent)
    }

    fn takes_tensors(&self) -> bool {
        false
    }

    fn take(&self, trace: Finished) {
        let size = count(&trace);
        let mut waiting = self.shared.waiting.lock();
        if waiting.spans + size > self.most_waiting || waiting.is_closed {
            waiting.dropped += 1;
            drop(waiting);
            return;
        }
        waiting.spans += size;
        waiting.traces.push_back(trace);
        self.shared.news.notify_one();
    }

    fn exhaust(&self, _: u64) {}

    fn retire(&self, _: u64, _: &Values) {}

    fn check(&self) -> Result<()> {
        // A collector may come later than the server.
        Ok(())
    }

    fn close(&self) -> Option<String> {
        self.shared.waiting.lock().is_closed = true;
        self.shared.news.notify_all();
        let lost = self.sender.lock().take().and_then(|sender| sender.join().ok()).unwrap_or(0);
        (lost > 0).then(|| format!("{lost} traces could not be sent"))
    }
}

struct Sender {
    options: CollectorOptions,
    time: Timebase,
    notice: Notice,
    lost: u64,
    is_failing: bool,
}

impl Sender {
    /// Sends until nothing follows; how many traces were lost.
    fn run(mut self, shared: &Shared) -> u64 {
        loop {
            let (traces, dropped, is_last) = self.collect(shared);
            if dropped > 0 {
                self.lost += dropped;
                (self.notice)(format!(
                    "{dropped} traces were dropped: more than {} spans waited for the collector",
                    self.options.most_waiting
                ));
            }
            self.send(traces, shared);
            if is_last {
                return self.lost;
            }
        }
    }

    /// Waits until a batch is full, or the first of it has waited long enough.
    fn collect(&self, shared: &Shared) -> (VecDeque<Finished>, u64, bool) {
        let mut waiting = shared.waiting.lock();
        while waiting.traces.is_empty() && waiting.dropped == 0 && !waiting.is_closed {
            shared.news.wait(&mut waiting);
        }
        let until = Instant::now() + self.options.delay;
        while waiting.spans < self.options.most_sent && !waiting.is_closed {
            if shared.news.wait_until(&mut waiting, until).timed_out() {
                break;
            }
        }
        waiting.spans = 0;
        (std::mem::take(&mut waiting.traces), std::mem::take(&mut waiting.dropped), waiting.is_closed)
    }

    fn send(&mut self, traces: VecDeque<Finished>, shared: &Shared) {
        let offset = self.time.unix_offset();
        let count = traces.len() as u64;
        let all: Vec<_> = traces.iter().flat_map(|trace| spans(trace, offset)).collect();
        drop(traces);
        let result = all
            .chunks(self.options.most_sent.max(1))
            .try_for_each(|chunk| self.deliver(&otlp::encode(&self.options.resource, chunk), shared));
        if count == 0 {
            return;
        }
        let was_failing = self.is_failing;
        self.is_failing = result.is_err();
        if let Err(error) = result {
            self.lost += count;
            if !was_failing {
                let place = self.options.exporter.place();
                (self.notice)(format!("the collector at {place} takes no traces, they are lost: {error}"));
            }
        }
    }

    /// Sends one message, again and again where the collector asks for that.
    fn deliver(&self, message: &[u8], shared: &Shared) -> io::Result<()> {
        let mut pause = FIRST_PAUSE;
        for attempt in 1.. {
            let (error, asked) = match self.options.exporter.post(message) {
                Ok(()) => return Ok(()),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Later(error, asked)) => (error, asked),
            };
            if attempt >= MOST_ATTEMPTS || !shared.pause(asked.unwrap_or(pause).min(LONGEST_PAUSE)) {
                return Err(error);
            }
            pause = pause * 3 / 2;
        }
        Ok(())
    }
}
