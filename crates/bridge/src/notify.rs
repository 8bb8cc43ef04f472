//! Calls back into Python from threads that must never wait for the GIL.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, LazyLock};
use std::task::Wake;
use std::thread;

use parking_lot::Mutex;
use pyo3::prelude::*;

/// The way to the one thread that takes the GIL for all of them; absent where no thread can be started.
static NOTIFIER: LazyLock<Option<Mutex<Sender<Task>>>> = LazyLock::new(|| {
    let (sender, tasks) = channel::<Task>();
    let started = thread::Builder::new().name("notifier".into()).spawn(move || {
        for task in tasks {
            Python::attach(|py| {
                if let Err(error) = task(py) {
                    error.write_unraisable(py, None);
                }
            });
        }
    });
    started.ok().map(|_| Mutex::new(sender))
});

/// What is to be done with the GIL held.
type Task = Box<dyn FnOnce(Python<'_>) -> PyResult<()> + Send>;

/// Has it done by the notifier's thread, without waiting.
pub(crate) fn later(task: impl FnOnce(Python<'_>) -> PyResult<()> + Send + 'static) {
    if let Some(notifier) = NOTIFIER.as_ref() {
        // The thread ends only with the process.
        let _ = notifier.lock().send(Box::new(task));
    }
}

struct Callback(Mutex<Option<Py<PyAny>>>);

impl Wake for Callback {
    fn wake(self: Arc<Self>) {
        let callback = self.0.lock().take();
        if let Some(callback) = callback {
            later(move |py| callback.call0(py).map(drop));
        }
    }
}

/// What calls that Python function once, from the notifier's thread.
pub(crate) fn waker(callback: Py<PyAny>) -> Arc<impl Wake + Send + Sync + 'static> {
    Arc::new(Callback(Mutex::new(Some(callback))))
}
