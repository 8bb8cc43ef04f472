//! Turns a panic of a handler into an answer, so that the connection and its other requests live on.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// Runs a future; `None` where it panics.
pub(super) async fn catch<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
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
    use super::*;

    #[tokio::test]
    async fn a_panic_becomes_none_and_a_value_stays_itself() {
        assert_eq!(catch(async { 7 }).await, Some(7));
        let failing = catch(async {
            tokio::task::yield_now().await;
            assert!(!std::hint::black_box(true), "a panic that the test asks for");
        });
        assert_eq!(failing.await, None);
    }
}
