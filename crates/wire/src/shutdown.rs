//! How endpoints are told to stop accepting, and when they have finished.

use tokio::sync::watch;

/// Shared by all endpoints: one side says stop, the other waits for it.
#[derive(Clone, Debug)]
pub struct Shutdown {
    sender: watch::Sender<bool>,
}

impl Shutdown {
    /// Not stopping.
    pub fn new() -> Self {
        Self { sender: watch::Sender::new(false) }
    }

    /// Says stop: endpoints close their listeners, let requests in flight finish, then close their connections.
    pub fn begin(&self) {
        self.sender.send_replace(true);
    }

    /// Whether stopping has begun.
    pub fn has_begun(&self) -> bool {
        *self.sender.borrow()
    }

    /// Waits until stopping begins.
    pub async fn wait(&self) {
        let mut receiver = self.sender.subscribe();
        // The sender lives in `self`, so the wait can only end by the value.
        let _ = receiver.wait_for(|begun| *begun).await;
    }

    /// Waits until stopping begins and what had arrived by then is known: an event loop learns of it only once it has
    /// nothing else to do.
    pub(crate) async fn wait_and_look(&self) {
        self.wait().await;
        // Who yields goes on after the system was asked what is ready.
        tokio::task::yield_now().await;
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}
