//! The one answer that a connection waits for.

use tokio::sync::oneshot::Receiver;
use tokio::sync::oneshot::error::TryRecvError;
use trilith_engine::Ticket;

/// Waits for it; `None` where it was lost on its way.
pub(crate) async fn take<T>(ticket: Option<&Ticket>, receiver: &mut Receiver<T>) -> Option<T> {
    let look = || match receiver.try_recv() {
        Ok(answer) => Some(Some(answer)),
        Err(TryRecvError::Empty) => None,
        Err(TryRecvError::Closed) => Some(None),
    };
    match ticket.and_then(|ticket| ticket.watch(look)) {
        Some(answer) => answer,
        None => receiver.await.ok(),
    }
}
