//! Calls back into Python from threads that must never wait for the GIL.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, LazyLock};
use std::task::Wake;
use std::thread;

use parking_lot::Mutex;
use pyo3::prelude::*;

/// The way to the one thread that takes the GIL for all of them; absent where no thread can be started.
static NOTIFIER: LazyLock<Option<Mutex<Sender<Py<PyAny>>>>> = LazyLock::new(|| {
    let (sender, callbacks) = channel::<Py<PyAny>>();
    let started = thread::Builder::new().name("notifier".into()).spawn(move || {
        for callback in callbacks {
            Python::attach(|py| {
                if let Err(error) = callback.call0(py) {
                    error.write_unraisable(py, None);
                }
            });
        }
    });
    started.ok().map(|_| Mutex::new(sender))
});

struct Callback(Mutex<Option<Py<PyAny>>>);

impl Wake for Callback {
    fn wake(self: Arc<Self>) {
        let callback = self.0.lock().take();
        if let (Some(callback), Some(notifier)) = (callback, NOTIFIER.as_ref()) {
            // The thread ends only with the process.
            let _ = notifier.lock().send(callback);
        }
    }
}

/// What calls that Python function once, from the notifier's thread.
pub(crate) fn waker(callback: Py<PyAny>) -> Arc<impl Wake + Send + Sync + 'static> {
    Arc::new(Callback(Mutex::new(Some(callback))))
}
