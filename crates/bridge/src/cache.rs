//! Caches for answers: those of the extension itself, and those that are written in Python.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use parking_lot::Mutex;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use serde::Deserialize;
use trilith_core::Response;
use trilith_engine::Cache;
use trilith_engine::cache::local::{LocalCache, TooLarge};
use trilith_engine::cache::{Found, Key, Tell};

use crate::cache_entry;
use crate::notify;
use crate::spec;

/// Threads that wait for a cache in Python: while one waits for a network, without the GIL, others go on.
const THREADS: usize = 4;

/// Look-ups and answers that may wait for a cache in Python. More mean that it is slower than the models are asked;
/// those beyond it go without the cache.
const MOST_TASKS: usize = 1024;

/// Bytes of answers that may wait to be stored, so that large ones do not pile up.
const MOST_BYTES: usize = 64 << 20;

/// A cache of the extension's own.
#[derive(Deserialize)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
enum NativeForm {
    Local { size: usize },
}

/// Makes the cache that a spec describes; `too_large` is called with model, version, size and limit.
pub(crate) fn native(spec: &str, too_large: Py<PyAny>) -> PyResult<Arc<dyn Cache>> {
    let NativeForm::Local { size } = spec::parse(spec, "cache")?;
    let too_large = Arc::new(too_large);
    let report = move |told: TooLarge| {
        let too_large = Arc::clone(&too_large);
        notify::later(move |py| {
            too_large.call1(py, (told.model, told.version, told.size, told.limit)).map(drop)
        });
    };
    Ok(Arc::new(LocalCache::new(size, Box::new(report))))
}

/// What the threads of a cache in Python are to do.
enum Task {
    LookUp(Key, Tell),
    /// An answer, and the bytes that it counts for.
    Store(Key, Vec<u8>, usize),
}

/// A cache that is written in Python: see `trilith.contract.Cache`. It has threads of its own, so that no other waits
/// for the GIL.
pub(crate) struct PythonCache {
    tasks: SyncSender<Task>,
    /// Bytes that wait to be stored.
    waiting: Arc<AtomicUsize>,
}

impl PythonCache {
    pub(crate) fn start(object: Py<PyAny>) -> PyResult<Self> {
        let (sender, receiver) = sync_channel(MOST_TASKS);
        let (receiver, object) = (Arc::new(Mutex::new(receiver)), Arc::new(object));
        let waiting = Arc::new(AtomicUsize::new(0));
        for number in 0..THREADS {
            let (receiver, object, waiting) =
                (Arc::clone(&receiver), Arc::clone(&object), Arc::clone(&waiting));
            thread::Builder::new()
                .name(format!("cache-{number}"))
                .spawn(move || work(&receiver, &object, &waiting))
                .map_err(|error| PyRuntimeError::new_err(format!("no thread for the cache: {error}")))?;
        }
        Ok(Self { tasks: sender, waiting })
    }
}

impl Cache for PythonCache {
    fn look_up(&self, _key: &Key) -> Found {
        Found::Later
    }

    fn look_up_later(&self, key: &Key, tell: Tell) {
        use std::sync::mpsc::TrySendError::{Disconnected, Full};
        if let Err(Full(Task::LookUp(_, tell)) | Disconnected(Task::LookUp(_, tell))) =
            self.tasks.try_send(Task::LookUp(*key, tell))
        {
            tell(None);
        }
    }

    fn store(&self, key: &Key, response: &Response) {
        let size = response.byte_size();
        let before = self.waiting.fetch_add(size, Ordering::AcqRel);
        let entry = (before + size <= MOST_BYTES).then(|| cache_entry::encode(response)).flatten();
        let sent = entry.map(|entry| self.tasks.try_send(Task::Store(*key, entry, size)));
        if !matches!(sent, Some(Ok(()))) {
            self.waiting.fetch_sub(size, Ordering::AcqRel);
        }
    }
}

fn work(tasks: &Mutex<Receiver<Task>>, object: &Py<PyAny>, waiting: &AtomicUsize) {
    loop {
        let next = tasks.lock().recv();
        match next {
            Ok(Task::LookUp(key, tell)) => {
                let entry = Python::attach(|py| reported(py, look_up(py, object, &key)).flatten());
                tell(entry.as_deref().and_then(cache_entry::decode));
            }
            Ok(Task::Store(key, entry, size)) => {
                Python::attach(|py| reported(py, store(py, object, &key, &entry)));
                waiting.fetch_sub(size, Ordering::AcqRel);
            }
            Err(_) => return,
        }
    }
}

fn look_up(py: Python<'_>, object: &Py<PyAny>, key: &Key) -> PyResult<Option<Vec<u8>>> {
    object.call_method1(py, "look_up", (hexadecimal(key),))?.extract(py)
}

fn store(py: Python<'_>, object: &Py<PyAny>, key: &Key, entry: &[u8]) -> PyResult<()> {
    object.call_method1(py, "store", (hexadecimal(key), PyBytes::new(py, entry))).map(drop)
}

/// The outcome, or nothing where the cache failed, which Python is told of.
fn reported<T>(py: Python<'_>, outcome: PyResult<T>) -> Option<T> {
    outcome.map_err(|error| error.write_unraisable(py, None)).ok()
}

fn hexadecimal(key: &Key) -> String {
    key.as_bytes().iter().flat_map(|byte| [byte >> 4, byte & 15]).map(digit).collect()
}

fn digit(value: u8) -> char {
    char::from_digit(u32::from(value), 16).unwrap_or('0')
}
