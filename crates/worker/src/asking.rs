//! What a worker's model asks the server and waits for: whoever asks reads the answer by itself, so that a model that
//! asks while it is loaded does not need a thread that reads for all ever after.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;
use trilith_core::{Error, Parameter, Response, Result};
use trilith_engine::metrics::{Act, Labels, MetricKind};
use trilith_engine::{Answer, Reply};

use crate::desk::{Given, encode_given};
use crate::message::{MetricMessage, ToServer};
use crate::port::WorkerPort;

impl WorkerPort {
    /// Tells whoever started this process that the model is loaded, or why it is not.
    pub fn say_loaded(&self, what: &str) {
        // A text is too long to be encoded beyond 4 GiB.
        let _ = self.channel.send_plain(&ToServer::Loaded(what));
    }

    /// Whether a model takes requests; why not, where it does not.
    pub fn ask_ready(&self, model: &str, version: Option<i64>) -> Result<()> {
        self.ask(|call| ToServer::IsReady { call, model, version }).map(drop)
    }

    /// Has a model loaded or unloaded, and waits until it is.
    pub fn change(&self, kind: &str, model: &str, parameters: &[(String, Given)]) -> Result<()> {
        let parameters = encode_given(parameters);
        self.ask(|call| ToServer::Change { call, kind, model, parameters }).map(drop)
    }

    /// Opens a family of metrics; its number.
    pub fn open_family(&self, name: &str, help: &str, kind: MetricKind) -> Result<u64> {
        let family = self.next_number.fetch_add(1, Ordering::Relaxed);
        let kind = kind.name();
        self.ask(|call| ToServer::Metric(MetricMessage::Open { call, family, name, help, kind }))?;
        Ok(family)
    }

    /// Lets go of a family of metrics and its series.
    pub fn close_family(&self, family: u64) {
        self.tell(MetricMessage::Close { family });
    }

    /// Opens a series of a family; its number.
    pub fn open_series(&self, family: u64, labels: &Labels, buckets: Option<&[f64]>) -> Result<u64> {
        let series = self.next_number.fetch_add(1, Ordering::Relaxed);
        let labels = labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let buckets = buckets.map(<[f64]>::to_vec);
        self.ask(|call| ToServer::Metric(MetricMessage::Series { call, family, series, labels, buckets }))?;
        Ok(series)
    }

    /// Counts; does not wait.
    pub fn count(&self, series: u64, act: Act, value: f64) {
        self.tell(MetricMessage::Count { series, act: act.into(), value });
    }

    /// The value of a counter or a gauge.
    pub fn read_series(&self, series: u64) -> Result<f64> {
        let response = self.ask(|call| ToServer::Metric(MetricMessage::Read { call, series }))?;
        match response.parameters.get("value") {
            Some(Parameter::Double(value)) => Ok(*value),
            _ => Err(Error::internal("the server gave no value")),
        }
    }

    fn tell(&self, message: MetricMessage<'_>) {
        // Numbers can always be encoded; a server that is gone is noticed by the next read.
        let _ = self.channel.send_plain(&ToServer::Metric(message));
    }

    fn ask<'a>(&self, message: impl FnOnce(u64) -> ToServer<'a>) -> Result<Response> {
        let slot = Arc::new(Slot::default());
        let call = self.reader.expect_reply(Box::new(SlotReply(Arc::clone(&slot))));
        if let Err(error) = self.channel.send_plain(&message(call)) {
            self.reader.fail_reply(call, &format!("the server cannot be asked: {error}"));
        }
        self.reader.read_until(|| slot.0.lock().is_some());
        let answer = slot.0.lock().take();
        answer.unwrap_or_else(|| Err(Error::unavailable("the server has closed the channel")))
    }
}

/// Where the answer to a question is put.
#[derive(Default)]
struct Slot(Mutex<Option<Result<Response>>>);

struct SlotReply(Arc<Slot>);

impl Reply for SlotReply {
    fn send(&mut self, answer: Answer) {
        *self.0.0.lock() = Some(answer.result.unwrap_or_else(|| Ok(Response::default())));
    }
}
