//! What the server may say of requests while the worker has them.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use trilith_core::flow::Amount;
use trilith_core::request::Cancellation;
use trilith_core::{Flow, Request};

/// The requests that the worker has, by batch and position.
#[derive(Default)]
pub(crate) struct WatchedRequests(Mutex<BTreeMap<u64, Vec<Watched>>>);

struct Watched {
    cancellation: Cancellation,
    flow: Option<Flow>,
}

impl WatchedRequests {
    pub(crate) fn add(&self, batch: u64, requests: &[Request]) {
        let watch = |request: &Request| Watched {
            cancellation: request.cancellation.clone(),
            flow: request.flow.clone(),
        };
        self.0.lock().insert(batch, requests.iter().map(watch).collect());
    }

    /// Forgets a batch that was answered.
    pub(crate) fn remove(&self, batch: u64) {
        self.0.lock().remove(&batch);
    }

    pub(crate) fn cancel(&self, batch: u64, index: u32) {
        self.look(batch, index, |watched| watched.cancellation.cancel());
    }

    pub(crate) fn cancel_all(&self) {
        self.0.lock().values().flatten().for_each(|watched| watched.cancellation.cancel());
    }

    pub(crate) fn set_read(&self, (batch, index): (u64, u32), read: Amount) {
        self.look(batch, index, |watched| {
            if let Some(flow) = &watched.flow {
                flow.set_read(read);
            }
        });
    }

    fn look(&self, batch: u64, index: u32, look: impl FnOnce(&Watched)) {
        if let Some(watched) = self.0.lock().get(&batch).and_then(|batch| batch.get(index as usize)) {
            look(watched);
        }
    }
}
