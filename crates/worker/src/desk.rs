//! What a worker's model asks of the server beside requests: metrics of its own, other models to load and unload.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use trilith_core::{Error, Parameter, Response, Result};
use trilith_engine::MetricRegistry;
use trilith_engine::metrics::{Act, FamilyHandle, MetricKind, Series};

use crate::message::{ActMessage, GivenMessage, MetricMessage};

/// A value that comes with a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// true or false
    Bool(bool),
    /// a text
    Text(String),
    /// the content of a file
    Bytes(Bytes),
}

/// A model that another one wants loaded or unloaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// `load` or `unload`.
    pub kind: String,
    /// The model.
    pub model: String,
    /// What else is said.
    pub parameters: Vec<(String, Given)>,
    /// The model that wants it.
    pub asker: String,
    /// Whether that one is being loaded itself.
    pub is_asker_loading: bool,
}

impl Change {
    /// A change that nobody has asked for yet.
    pub fn new(kind: &str, model: &str, parameters: Vec<(String, Given)>) -> Self {
        Self {
            kind: kind.to_owned(),
            model: model.to_owned(),
            parameters,
            asker: String::new(),
            is_asker_loading: false,
        }
    }

    /// The same, wanted by a model.
    pub fn asked_by(self, asker: String, is_asker_loading: bool) -> Self {
        Self { asker, is_asker_loading, ..self }
    }
}

/// Who loads and unloads models.
pub trait ModelControl: Send + Sync {
    /// Has something changed, and calls back once it is, or could not be.
    fn change(&self, change: Change, done: Box<dyn FnOnce(Result<()>) + Send>);
}

/// What workers of a model that died have counted: it is shown, and goes on with the next one, until the model ends.
#[derive(Debug, Default)]
pub struct Keepsakes(Mutex<Vec<FamilyHandle>>);

impl Keepsakes {
    /// Keeps what a worker held, each series once.
    pub fn keep(&self, handles: impl Iterator<Item = FamilyHandle>) {
        let mut kept = self.0.lock();
        for handle in handles {
            let left = kept.iter().try_fold(handle, |handle, own| own.take_over(handle).ok_or(()));
            kept.extend(left);
        }
    }

    /// Lets go of everything.
    pub fn clear(&self) {
        let held = std::mem::take(&mut *self.0.lock());
        drop(held);
    }
}

/// The server's side of what one worker asks for.
pub(crate) struct Desk {
    registry: Arc<MetricRegistry>,
    keepsakes: Arc<Keepsakes>,
    control: Option<Arc<dyn ModelControl>>,
    families: HashMap<u64, Held>,
    series: HashMap<u64, (MetricKind, Arc<Series>)>,
}

/// A family that the worker has opened, and the numbers of its series.
struct Held {
    handle: FamilyHandle,
    series: Vec<u64>,
}

impl Desk {
    pub(crate) fn new(
        registry: &Arc<MetricRegistry>,
        keepsakes: Arc<Keepsakes>,
        control: Option<Arc<dyn ModelControl>>,
    ) -> Self {
        let registry = Arc::clone(registry);
        Self { registry, keepsakes, control, families: HashMap::new(), series: HashMap::new() }
    }

    /// Takes in what the worker's model counts; gives the answer where one is waited for.
    pub(crate) fn accept(&mut self, message: MetricMessage<'_>) -> Option<(u64, Result<Response>)> {
        let nothing = |()| Response::default();
        match message {
            MetricMessage::Open { call, family, name, help, kind } => {
                Some((call, self.open(family, (name, help), kind).map(nothing)))
            }
            MetricMessage::Series { call, family, series, labels, buckets } => {
                Some((call, self.open_series((family, series), labels, buckets.as_deref()).map(nothing)))
            }
            MetricMessage::Close { family } => {
                if let Some(held) = self.families.remove(&family) {
                    held.series.iter().for_each(|series| drop(self.series.remove(series)));
                }
                None
            }
            MetricMessage::Count { series, act, value } => {
                // What it may do was checked where it was asked for; what it let go meanwhile counts no more.
                if let Some((kind, series)) = self.series.get(&series)
                    && act.to_act().check(*kind, value).is_ok()
                {
                    series.apply(act.to_act(), value);
                }
                None
            }
            MetricMessage::Read { call, series } => Some((call, self.read(series))),
        }
    }

    fn open(&mut self, family: u64, (name, help): (&str, &str), kind: &str) -> Result<()> {
        let kind = MetricKind::parse(kind)
            .ok_or_else(|| Error::invalid(format!("there is no kind of metrics named '{kind}'")))?;
        let handle = self.registry.open(name, help, kind)?;
        self.families.insert(family, Held { handle, series: Vec::new() });
        Ok(())
    }

    fn open_series(
        &mut self,
        (family, number): (u64, u64),
        labels: Vec<(&str, &str)>,
        buckets: Option<&[f64]>,
    ) -> Result<()> {
        let held = self.families.get_mut(&family).ok_or_else(gone)?;
        let labels = labels.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let series = held.handle.series(labels, buckets)?;
        held.series.push(number);
        self.series.insert(number, (held.handle.kind(), series));
        Ok(())
    }

    fn read(&self, number: u64) -> Result<Response> {
        let (_, series) = self.series.get(&number).ok_or_else(gone)?;
        let value = Parameter::Double(series.value()?);
        let parameters = [("value".to_owned(), value)].into_iter().collect();
        Ok(Response { parameters, ..Response::default() })
    }

    /// The worker has died: what it counted stays.
    pub(crate) fn keep(&mut self) {
        self.series.clear();
        self.keepsakes.keep(self.families.drain().map(|(_, held)| held.handle));
    }

    /// Has a model loaded or unloaded.
    pub(crate) fn change(&self, change: Change, done: Box<dyn FnOnce(Result<()>) + Send>) {
        match &self.control {
            Some(control) => control.change(change, done),
            None => done(Err(Error::unavailable("nobody loads and unloads models in this server"))),
        }
    }
}

fn gone() -> Error {
    Error::invalid("the family that this metric belongs to was let go")
}

impl ActMessage {
    /// As the registry knows it.
    pub fn to_act(self) -> Act {
        match self {
            Self::Increment => Act::Increment,
            Self::Set => Act::Set,
            Self::Observe => Act::Observe,
        }
    }
}

impl From<Act> for ActMessage {
    fn from(act: Act) -> Self {
        match act {
            Act::Increment => Self::Increment,
            Act::Set => Self::Set,
            Act::Observe => Self::Observe,
        }
    }
}

/// Values of a message; files go on sharing the message's own memory.
pub(crate) fn decode_given(messages: Vec<(&str, GivenMessage<'_>)>, frame: &Bytes) -> Vec<(String, Given)> {
    let decode = |given: GivenMessage<'_>| match given {
        GivenMessage::Bool(value) => Given::Bool(value),
        GivenMessage::Text(value) => Given::Text(value.to_owned()),
        GivenMessage::Bytes(value) => Given::Bytes(frame.slice_ref(value)),
    };
    messages.into_iter().map(|(name, given)| (name.to_owned(), decode(given))).collect()
}

/// Values as a message.
pub(crate) fn encode_given(values: &[(String, Given)]) -> Vec<(&str, GivenMessage<'_>)> {
    let encode = |given| match given {
        &Given::Bool(value) => GivenMessage::Bool(value),
        Given::Text(value) => GivenMessage::Text(value),
        Given::Bytes(value) => GivenMessage::Bytes(value),
    };
    values.iter().map(|(name, given)| (name.as_str(), encode(given))).collect()
}
