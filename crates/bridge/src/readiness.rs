//! Models that are asked, in Python, whether they can serve now.

use std::sync::Arc;

use parking_lot::Mutex;
use pyo3::prelude::*;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use trilith_core::{Error, Result};
use trilith_engine::{Readiness, Verdict};

/// Those who wait for the answer that is being made.
type Waiting = Arc<Mutex<Vec<oneshot::Sender<Result<()>>>>>;

/// Asks by a Python function, one question at a time: who asks meanwhile is given the same answer.
pub(crate) struct PythonReadiness {
    check: Arc<Py<PyAny>>,
    runtime: Handle,
    waiting: Waiting,
}

impl PythonReadiness {
    /// By a function that returns why the model cannot serve, or `None`.
    pub(crate) fn new(check: Py<PyAny>, runtime: Handle) -> Self {
        Self { check: Arc::new(check), runtime, waiting: Waiting::default() }
    }
}

impl Readiness for PythonReadiness {
    fn ask(&self) -> Verdict {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.waiting.lock();
        waiting.push(sender);
        if waiting.len() == 1 {
            let (check, others) = (Arc::clone(&self.check), Arc::clone(&self.waiting));
            // A thread for blocking work, since the function waits for the model.
            self.runtime.spawn_blocking(move || {
                let answer = call(&check);
                for sender in std::mem::take(&mut *others.lock()) {
                    // Who asked may have gone.
                    let _ = sender.send(answer.clone());
                }
            });
        }
        drop(waiting);
        Box::pin(async {
            receiver.await.unwrap_or_else(|_| Err(Error::unavailable("the server is shutting down")))
        })
    }
}

fn call(check: &Py<PyAny>) -> Result<()> {
    let reason = Python::attach(|py| check.call0(py)?.extract::<Option<String>>(py));
    match reason {
        Ok(None) => Ok(()),
        Ok(Some(reason)) => Err(Error::unavailable(reason)),
        Err(error) => Err(Error::internal(format!("whether it is ready cannot be found out: {error}"))),
    }
}
