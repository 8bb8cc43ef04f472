//! Connections: accepted, bounded, ended.

use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::GrpcOptions;
use super::age::Age;
use super::ahead::Ahead;
use super::pings::PingOptions;
use super::preface::{Prefaced, read_preface};
use super::service::Endpoint;
use super::watched::Watched;
use crate::apart::Apart;
use crate::context::Context;
use crate::shutdown::Shutdown;
use crate::transport::{self, Listener, Stream};

/// Calls of one connection at once; further ones wait in the client. Asynchronous clients put all they have on one
/// connection, so it is far above the hundred that HTTP/2 recommends.
const MAX_CONCURRENT_STREAMS: u32 = 4096;
/// Calls that a client may have taken back before the server has looked at them; more end the connection. A client
/// may give up at once on all that it has open, so the usual 20 would cut off the calls that go on beside them.
const MAX_UNSEEN_RESETS: usize = MAX_CONCURRENT_STREAMS as usize;
/// What a client may send ahead on one call: several large tensors, so that no round trip is waited for.
const STREAM_WINDOW: u32 = 8 << 20;
/// What a client may send ahead on one connection; it bounds what one client makes the server hold unread.
const CONNECTION_WINDOW: u32 = 32 << 20;
/// Largest frame: a tensor of one MiB arrives in one piece where the client makes use of it.
const MAX_FRAME: u32 = (1 << 20) + (16 << 10);

/// Serves until told to stop and every call has ended.
///
/// Stopping ends idle connections and idle streams at once; calls in flight are finished first.
pub async fn serve(
    listener: impl Into<Listener>,
    context: Arc<Context>,
    options: GrpcOptions,
    shutdown: Shutdown,
) {
    let bounds = (options.connections.clone(), options.handshake_timeout);
    let server = Arc::new(Server {
        http2: configure(&options),
        handshake_timeout: options.handshake_timeout,
        pings: options.pings,
        age: Age::new(options.max_connection_age, options.max_connection_age_grace),
        endpoint: Arc::new(Endpoint::new(context, options, shutdown.clone())),
        shutdown: shutdown.clone(),
    });
    let handle = move |stream| Arc::clone(&server).serve_connection(stream);
    transport::serve(listener.into(), bounds, shutdown, handle).await;
}

fn configure(options: &GrpcOptions) -> http2::Builder<TokioExecutor> {
    let mut http2 = http2::Builder::new(TokioExecutor::new());
    http2
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_CONCURRENT_STREAMS)
        .max_pending_accept_reset_streams(MAX_UNSEEN_RESETS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(MAX_FRAME)
        .keep_alive_interval(options.keepalive_time)
        .keep_alive_timeout(options.keepalive_timeout)
        .auto_date_header(false);
    http2
}

struct Server {
    http2: http2::Builder<TokioExecutor>,
    handshake_timeout: Duration,
    pings: PingOptions,
    age: Age,
    endpoint: Arc<Endpoint>,
    shutdown: Shutdown,
}

impl Server {
    async fn serve_connection(self: Arc<Self>, stream: Stream) {
        let mut stream = Ahead::new(stream);
        let speaks_http2 = tokio::select! {
            biased;
            speaks_http2 = read_preface(&mut stream, self.handshake_timeout) => speaks_http2,
            () = self.shutdown.wait_and_look() => false,
        };
        if !speaks_http2 {
            return;
        }
        if self.pings.is_watchful() {
            self.serve_http2(Prefaced::new(Watched::new(stream, self.pings))).await;
        } else {
            self.serve_http2(Prefaced::new(stream)).await;
        }
    }

    async fn serve_http2<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(&self, stream: Prefaced<S>) {
        let endpoint = self.endpoint.clone();
        let service = service_fn(move |request| endpoint.answer(request));
        let connection = self.http2.serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        tokio::select! {
            biased;
            // How a connection ended is its client's business; calls cut short were withdrawn with it.
            _ = connection.as_mut() => return,
            () = Apart::new(self.shutdown.wait()) => {}
            () = Apart::new(self.age.reached()) => {
                connection.as_mut().graceful_shutdown();
                // Calls that are cut short are withdrawn with their connection.
                let _ = timeout(self.age.grace, connection).await;
                return;
            }
        }
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}
