//! Connections: accepted, bounded, ended.

use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, BufReader};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::GrpcOptions;
use super::service::Endpoint;
use crate::context::Context;
use crate::shutdown::Shutdown;

/// What every HTTP/2 client sends first.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Connections served at once; further ones wait in the listener's backlog.
const MAX_CONNECTIONS: usize = 16_384;
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
/// What is read from the system at once. Frames are read in pieces of 8 KiB otherwise, which takes over a hundred
/// system calls for a tensor of one MiB; memory that small requests do not touch is not resident.
const READ_BUFFER: usize = 256 << 10;
/// After a failed accept (too many open files, for one): long enough not to spin, short enough not to be noticed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until told to stop and every call has ended.
///
/// Stopping ends idle connections and idle streams at once; calls in flight are finished first.
pub async fn serve(listener: TcpListener, context: Arc<Context>, options: GrpcOptions, shutdown: Shutdown) {
    let server = Arc::new(Server {
        http2: configure(&options),
        handshake_timeout: options.handshake_timeout,
        endpoint: Arc::new(Endpoint::new(context, options, shutdown.clone())),
        shutdown: shutdown.clone(),
    });
    let mut connections = JoinSet::new();
    let stop = shutdown.wait();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok((stream, _)) => drop(connections.spawn(server.clone().serve_connection(stream))),
                Err(_) => sleep(ACCEPT_PAUSE).await,
            },
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
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
    endpoint: Arc<Endpoint>,
    shutdown: Shutdown,
}

impl Server {
    async fn serve_connection(self: Arc<Self>, stream: TcpStream) {
        // Answers are small and complete: waiting to fill a packet would only delay them.
        let _ = stream.set_nodelay(true);
        let (mut reader, writer) = stream.into_split();
        let speaks_http2 = tokio::select! {
            speaks_http2 = read_preface(&mut reader, self.handshake_timeout) => speaks_http2,
            () = self.shutdown.wait() => false,
        };
        if speaks_http2 {
            let reader = BufReader::with_capacity(READ_BUFFER, reader);
            self.serve_http2(PREFACE.chain(reader), writer).await;
        }
    }

    async fn serve_http2(&self, reader: impl AsyncRead + Unpin, writer: impl AsyncWrite + Unpin) {
        let endpoint = self.endpoint.clone();
        let service = service_fn(move |request| endpoint.answer(request));
        let io = TokioIo::new(tokio::io::join(reader, writer));
        let connection = self.http2.serve_connection(io, service);
        tokio::pin!(connection);
        tokio::select! {
            biased;
            // How a connection ended is its client's business; calls cut short were withdrawn with it.
            _ = connection.as_mut() => return,
            () = self.shutdown.wait() => {}
        }
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}

/// Whether the client speaks HTTP/2. What else comes to this port is not answered: no protocol is known for it.
async fn read_preface(reader: &mut OwnedReadHalf, within: Duration) -> bool {
    let mut preface = [0; PREFACE.len()];
    let read = timeout(within, reader.read_exact(&mut preface)).await;
    matches!(read, Ok(Ok(_))) && preface == *PREFACE
}
