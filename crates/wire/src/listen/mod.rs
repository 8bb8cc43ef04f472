//! What every HTTP/1.1 endpoint needs before it looks at a request.
//!
//! - [`connection`]: serves one connection: patience, graceful end, panics contained
//! - [`patience`]: tells a peer that is slow from one that has stalled
//! - [`panics`]: turns a panic of a handler into an answer
//! - [`leaving`]: tells a client that waits with its side ended from one that has gone
//! - [`quiet`]: spares a connection the turn that reading a body would cost it
//! - [`request`]: bodies of requests; [`reply`]: bodies of answers, in one or several pieces

mod connection;
mod leaving;
mod panics;
mod patience;
mod quiet;
mod reply;
mod request;

use std::sync::Arc;
use std::time::Duration;

use hyper::{Request, Response};

pub(crate) use reply::ReplyBody;
pub(crate) use request::RequestBody;

use crate::shutdown::Shutdown;
use crate::transport::{self, Connections, Listener};

/// Bounds that hold for every connection.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// How long a peer may owe the rest of a header, or fail to read its answer.
    pub(crate) patience: Duration,
    /// Largest header, bytes.
    pub(crate) max_header_size: usize,
    /// Connections served at once.
    pub(crate) connections: Connections,
}

/// Answers requests.
pub(crate) trait Handler: Send + Sync + 'static {
    /// Answers one request; what goes wrong becomes an answer too.
    fn handle(&self, request: Request<RequestBody>) -> impl Future<Output = Response<ReplyBody>> + Send;
}

/// Serves every connection of the listener until told to stop and the last one has ended.
pub(crate) async fn serve<H: Handler>(
    listener: Listener,
    handler: Arc<H>,
    limits: Limits,
    shutdown: Shutdown,
) {
    let bounds = (limits.connections.clone(), limits.patience);
    let signal = shutdown.clone();
    let handle =
        move |stream| connection::serve(stream, Arc::clone(&handler), limits.clone(), signal.clone());
    transport::serve(listener, bounds, shutdown, handle).await;
}
