//! Turns a panic of a handler into an answer, so that the connection and its other requests live on.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

/// Runs a future; `None` where it panics.
///
/// It stays where it is: an `async fn` that takes a future keeps room for it twice, and what a connection handles is
/// moved for each request.
pub(super) async fn catch<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    // Whatever the panic left half done goes with the future: it is dropped and never polled again.
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Some(output)),
        Err(_) => Poll::Ready(None),
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    #[tokio::test]
    async fn a_panic_becomes_none_and_a_value_stays_itself() {
        assert_eq!(catch(pin!(async { 7 })).await, Some(7));
        let failing = pin!(async {
            tokio::task::yield_now().await;
            assert!(!std::hint::black_box(true), "a panic that the test asks for");
        });
        assert_eq!(catch(failing).await, None);
    }
}
