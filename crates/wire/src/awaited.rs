//! The answer that a connection waits for.

use tokio::sync::oneshot::Receiver;
use tokio::sync::oneshot::error::TryRecvError;
use trilith_engine::Ticket;

/// Withdraws a request when dropped before it was answered, because the client has gone.
#[derive(Default)]
pub(crate) struct Withdrawal(Option<Ticket>);

impl Withdrawal {
    /// Of a request that was just sent on its way.
    pub(crate) fn of(ticket: Ticket) -> Self {
        Self(Some(ticket))
    }

    /// There is nothing left to withdraw.
    pub(crate) fn forget(&mut self) {
        self.0 = None;
    }

    /// Waits for the one answer, after which there is nothing left to withdraw; `None` where it was lost on its way.
    pub(crate) async fn wait<T>(&mut self, receiver: &mut Receiver<T>) -> Option<T> {
        let look = || match receiver.try_recv() {
            Ok(answer) => Some(Some(answer)),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Closed) => Some(None),
        };
        let answer = match self.0.as_ref().and_then(|ticket| ticket.watch(look)) {
            Some(answer) => answer,
            None => receiver.await.ok(),
        };
        self.forget();
        answer
    }
}

impl Drop for Withdrawal {
    fn drop(&mut self) {
        if let Some(ticket) = self.0.take() {
            ticket.cancel();
        }
    }
}
