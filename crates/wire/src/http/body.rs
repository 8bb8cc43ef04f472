//! Collects the body of a request within its bounds.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::StatusCode;
use hyper::body::{Body, Frame};
use tokio::time::{Instant, Sleep, sleep, timeout};
use trilith_core::{Code, Error, Fault, Payload};
use trilith_engine::round;

use super::reply::Refusal;
use crate::listen::RequestBody;

/// Time given to a refused client to finish sending, so that it gets to read the answer.
const LINGER: Duration = Duration::from_secs(5);

/// Bounds of a body.
#[derive(Clone, Copy, Debug)]
pub(super) struct BodyLimits {
    /// Bytes in all.
    pub(super) size: usize,
    /// Time from one piece to the next.
    pub(super) patience: Duration,
}

/// Collects a body in the pieces in which it arrives.
pub(super) async fn collect(mut body: RequestBody, limits: BodyLimits) -> Result<Payload, Refusal> {
    let announced = body.size_hint().lower();
    if announced > limits.size as u64 {
        linger(body, limits.size);
        return Err(too_large(Some(announced), limits.size).into());
    }
    let mut payload = Payload::new();
    let mut pause = Pause::new(limits.patience);
    loop {
        let frame = poll_fn(|context| pause.poll_frame(Pin::new(&mut body), context)).await;
        let Some(frame) = frame.map_err(|problem| problem.refuse(payload.len()))? else {
            round::before_reading(payload.len());
            return Ok(payload);
        };
        // Trailers carry nothing that this protocol knows.
        let Ok(data) = frame.into_data() else { continue };
        if payload.len() + data.len() > limits.size {
            linger(body, limits.size);
            return Err(too_large(None, limits.size).into());
        }
        payload.push(data);
    }
}

/// Reads what a refused client goes on sending and throws it away, for a while and up to a bound:
/// closing at once would reset the connection and could take the answer with it.
fn linger(mut body: RequestBody, bound: usize) {
    tokio::spawn(timeout(LINGER, async move {
        let mut dropped = 0;
        while let Some(Ok(frame)) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            dropped += frame.data_ref().map_or(0, bytes::Bytes::len);
            if dropped > bound {
                return;
            }
        }
    }));
}

fn too_large(announced: Option<u64>, limit: usize) -> Error {
    let size = announced.map_or_else(String::new, |size| format!(" of {size} bytes"));
    Error::invalid(format!("request body{size} exceeds the maximum allowed input size of {limit} bytes"))
        .with_hint("Use --http-max-input-size to increase the limit.")
}

enum Problem {
    Stalled(Duration),
    Broken(hyper::Error),
}

impl Problem {
    fn refuse(self, received: usize) -> Refusal {
        match self {
            Self::Stalled(patience) => Refusal::new(
                Error::new(
                    Code::DeadlineExceeded,
                    Fault::Client,
                    format!("the request body stalled: {received} bytes came, then none for {patience:?}"),
                ),
                StatusCode::REQUEST_TIMEOUT,
            ),
            Self::Broken(cause) => {
                Error::invalid(format!("the request body broke off after {received} bytes: {cause}")).into()
            }
        }
    }
}

/// Bounds the time between two pieces. Bodies that are there at once never make a timer.
struct Pause {
    patience: Duration,
    waits: u32,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Pause {
    fn new(patience: Duration) -> Self {
        Self { patience, waits: 0, timer: None }
    }

    fn poll_frame(
        &mut self,
        body: Pin<&mut RequestBody>,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Frame<bytes::Bytes>>, Problem>> {
        match body.poll_frame(context) {
            Poll::Ready(frame) => {
                if let Some(timer) = &mut self.timer {
                    timer.as_mut().reset(Instant::now() + self.patience);
                }
                Poll::Ready(frame.transpose().map_err(Problem::Broken))
            }
            Poll::Pending => self.poll_timer(context),
        }
    }

    fn poll_timer<T>(&mut self, context: &mut Context<'_>) -> Poll<Result<T, Problem>> {
        self.waits += 1;
        // hyper hands a body over on the second look even if it came together with the header.
        if self.waits == 1 {
            return Poll::Pending;
        }
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(self.patience)));
        timer.as_mut().poll(context).map(|()| Err(Problem::Stalled(self.patience)))
    }
}
