//! The one answer that a connection waits for.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot::Receiver;
use tokio::sync::oneshot::error::TryRecvError;
use trilith_engine::Ticket;

use crate::post;

/// Waits for it; `None` where it was lost on its way.
pub(crate) async fn take<T>(ticket: Option<&Ticket>, receiver: &mut Receiver<T>) -> Option<T> {
    let look = || match receiver.try_recv() {
        Ok(answer) => Some(Some(answer)),
        Err(TryRecvError::Empty) => None,
        Err(TryRecvError::Closed) => Some(None),
    };
    match ticket.and_then(|ticket| ticket.watch(look)) {
        Some(answer) => answer,
        None => poll_fn(|context| poll_by_post(receiver, context)).await,
    }
}

fn poll_by_post<T>(receiver: &mut Receiver<T>, context: &Context<'_>) -> Poll<Option<T>> {
    let waker = post::waker(context);
    Pin::new(receiver).poll(&mut Context::from_waker(&waker)).map(Result::ok)
}
