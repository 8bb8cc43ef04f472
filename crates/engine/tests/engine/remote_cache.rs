//! A cache that takes its time.

use std::collections::HashMap;

use parking_lot::Mutex;
use trilith_core::Response;
use trilith_engine::Cache;
use trilith_engine::cache::{Found, Key, Tell};

/// Keeps look-ups until they are told of.
#[derive(Default)]
pub(crate) struct Remote {
    pub(crate) kept: Mutex<HashMap<Key, Response>>,
    pub(crate) asked: Mutex<Vec<(Key, Tell)>>,
}

impl Cache for Remote {
    fn look_up(&self, _key: &Key) -> Found {
        Found::Later
    }

    fn look_up_later(&self, key: &Key, tell: Tell) {
        self.asked.lock().push((*key, tell));
    }

    fn store(&self, key: &Key, response: &Response) {
        self.kept.lock().insert(*key, response.clone());
    }
}

impl Remote {
    /// Tells of the look-up that has waited longest.
    pub(crate) fn tell(&self) {
        let (key, tell) = self.asked.lock().remove(0);
        let found = self.kept.lock().get(&key).cloned();
        tell(found);
    }
}
