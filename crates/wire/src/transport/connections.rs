//! How many connections there may be at once.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places for connections. Its clones share them: every event loop that serves an endpoint takes from the same.
#[derive(Clone, Debug)]
pub struct Connections {
    bound: u32,
    places: Arc<Semaphore>,
}

/// One connection's place; dropping it makes room.
pub(super) struct Place {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Connections {
    /// Places for so many; at least one.
    pub fn at_most(bound: usize) -> Self {
        let bound = bound.clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize)) as u32;
        Self { bound, places: Arc::new(Semaphore::new(bound as usize)) }
    }

    /// Waits for a place.
    pub(super) async fn take(&self) -> Place {
        // Nobody closes the semaphore, so there always is one.
        Place { _permit: Arc::clone(&self.places).acquire_owned().await.ok() }
    }

    /// Waits until no place is taken: every connection holds one.
    pub(super) async fn wait_until_none(&self) {
        let _all = self.places.acquire_many(self.bound).await;
    }
}
