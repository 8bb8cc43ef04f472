//! What is noted of one request, and of those that are made for its sake.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use trilith_core::tensor::Shape;
use trilith_core::trace::{Activity, Event, Instant, Trace};
use trilith_core::{DataType, Signature, Tensor};

use crate::identity::Identity;
use crate::time::Timebase;
use crate::tracer::Setting;

/// Bytes that an entry takes beside the tensor in it, for the bound on what waits to be written.
const ENTRY_SIZE: usize = 96;

/// The numbers of traces; they begin at 1.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// One thing that was noted.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// A point was reached.
    Mark(Event, Instant),
    /// A tensor was seen.
    Tensor(Activity, Seen),
}

/// A tensor that was seen, copied: its memory may be gone or changed when it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Its name.
    pub name: String,
    /// Its datatype.
    pub datatype: DataType,
    /// Its extents.
    pub shape: Shape,
    /// Its elements.
    pub content: Vec<u8>,
}

/// Who was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// The model.
    pub model: String,
    /// Its version.
    pub version: i64,
    /// The client's own name for the request.
    pub request_id: String,
}

/// What was noted of one request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// Its number.
    pub id: u64,
    /// The number of the request for whose sake it was made; 0 for none.
    pub parent: u64,
    /// Who it is among other systems' traces.
    pub identity: Identity,
    /// Who was asked; `None` where it never came to that, or where points in time are not noted.
    pub subject: Option<Subject>,
    /// How many entries came before it was known who is asked: the endpoint's.
    pub begun_at: usize,
    /// In the order in which they came.
    pub entries: Vec<Entry>,
}

/// A trace that has ended: the request that came from outside first, then those that were made for its sake.
#[derive(Debug)]
pub struct Finished {
    /// By what settings it was taken.
    pub setting: Arc<Setting>,
    /// What was noted.
    pub records: Vec<Record>,
}

impl Finished {
    /// Bytes that it takes, roughly.
    pub fn size(&self) -> usize {
        let size = |entry: &Entry| match entry {
            Entry::Mark(..) => ENTRY_SIZE,
            Entry::Tensor(_, seen) => ENTRY_SIZE + seen.content.len(),
        };
        self.records.iter().flat_map(|record| &record.entries).map(size).sum()
    }
}

/// Shared by the recordings of one trace; handed on when the last of them goes.
struct Shared {
    setting: Arc<Setting>,
    time: Arc<Timebase>,
    records: Mutex<Vec<Record>>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        let records = std::mem::take(self.records.get_mut());
        self.setting.finish(records);
    }
}

/// The trace of one request to one model.
#[derive(Clone)]
pub struct Recording {
    shared: Arc<Shared>,
    /// Its place among the records.
    index: usize,
    id: u64,
    identity: Identity,
}

impl std::fmt::Debug for Recording {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "trace {}", self.id)
    }
}

impl Recording {
    /// A trace that begins.
    pub fn new(setting: Arc<Setting>, time: Arc<Timebase>, identity: Identity) -> Self {
        let shared = Arc::new(Shared { setting, time, records: Mutex::default() });
        Self::add(shared, 0, identity)
    }

    fn add(shared: Arc<Shared>, parent: u64, identity: Identity) -> Self {
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        let mut records = shared.records.lock();
        let index = records.len();
        records.push(Record { id, parent, identity: identity.clone(), ..Record::default() });
        drop(records);
        Self { shared, index, id, identity }
    }

    fn note(&self, change: impl FnOnce(&mut Record)) {
        if let Some(record) = self.shared.records.lock().get_mut(self.index) {
            change(record);
        }
    }
}

impl Trace for Recording {
    fn id(&self) -> u64 {
        self.id
    }

    fn now(&self) -> Instant {
        self.shared.time.now()
    }

    fn begin(&self, signature: &Signature, request_id: &str, _at: Instant) {
        let subject = Subject {
            model: signature.model.clone(),
            version: signature.version,
            request_id: request_id.to_owned(),
        };
        self.note(|record| {
            // A request that is run again stays one request.
            if record.subject.is_none() {
                record.begun_at = record.entries.len();
                record.subject = Some(subject);
            }
        });
    }

    fn mark_at(&self, event: Event, at: Instant) {
        if self.shared.setting.values.levels.timestamps {
            self.note(|record| record.entries.push(Entry::Mark(event, at)));
        }
    }

    fn note_tensors(&self, activity: Activity, tensors: &[Tensor]) {
        if !self.shared.setting.notes_tensors() {
            return;
        }
        let seen = tensors.iter().map(|tensor| {
            let mut content = Vec::with_capacity(tensor.payload.len());
            tensor.payload.pieces().iter().for_each(|piece| content.extend_from_slice(piece));
            let (name, datatype, shape) = (tensor.name.clone(), tensor.datatype, tensor.shape.clone());
            Entry::Tensor(activity, Seen { name, datatype, shape, content })
        });
        let entries: Vec<Entry> = seen.collect();
        self.note(|record| record.entries.extend(entries));
    }

    fn child(&self) -> Arc<dyn Trace> {
        let identity = self.identity.child();
        Arc::new(Self::add(Arc::clone(&self.shared), self.id, identity))
    }

    fn context(&self) -> Option<String> {
        self.identity.context()
    }
}
