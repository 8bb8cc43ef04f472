//! Takes connections, no more than the bound, until told to stop.

use std::future::ready;
use std::time::Duration;

use super::listener::Accepted;
use super::{Connections, Listener, Stream};
use crate::shutdown::Shutdown;

/// Pause after a failed accept: the usual cause is that the process is out of file descriptors,
/// and they come back only when other connections end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves every connection of the listener until told to stop and the last one has ended.
///
/// A handshake has `patience` to be complete. It is made by the connection's own task, so that none waits for another.
pub(crate) async fn serve<F>(
    listener: Listener,
    (connections, patience): (Connections, Duration),
    shutdown: Shutdown,
    handle: impl Fn(Stream) -> F + Clone + Send + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let accept = || accept_all(&listener, (&connections, patience), &shutdown, handle.clone());
    tokio::select! {
        biased;
        () = shutdown.wait_and_look() => {}
        () = accept() => {}
    }
    // Those that wait have sent a request, perhaps: to close at once would take it from them without a word.
    tokio::select! {
        biased;
        () = accept() => {}
        () = ready(()) => {}
    }
    drop(listener);
    connections.wait_until_none().await;
}

async fn accept_all<F>(
    listener: &Listener,
    (connections, patience): (&Connections, Duration),
    shutdown: &Shutdown,
    handle: impl Fn(Stream) -> F + Clone + Send + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    loop {
        // The place comes first: connections over the bound wait in the listener's backlog.
        let place = connections.take().await;
        let Ok((accepted, counted)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let opening = open(listener, accepted, patience, shutdown.clone());
        let handle = handle.clone();
        tokio::spawn(async move {
            if let Some(stream) = opening.await {
                handle(stream).await;
            }
            drop((place, counted));
        });
    }
}

/// Opens a connection; `None` where its client and the server did not come to terms in time.
fn open(
    listener: &Listener,
    accepted: Accepted,
    patience: Duration,
    shutdown: Shutdown,
) -> impl Future<Output = Option<Stream>> + Send + 'static {
    #[cfg(feature = "tls")]
    let tls = listener.tls.clone();
    #[cfg(not(feature = "tls"))]
    let _ = (listener, patience, shutdown);
    async move {
        #[cfg(feature = "tls")]
        if let Some(tls) = tls {
            return tokio::select! {
                biased;
                stream = tokio::time::timeout(patience, tls.shake_hands(accepted)) => stream.ok().flatten(),
                () = shutdown.wait() => None,
            };
        }
        Some(accepted.plain())
    }
}

impl Accepted {
    /// The connection as it is.
    pub(super) fn plain(self) -> Stream {
        match self {
            Self::Tcp(stream) => Box::new(stream),
            Self::Unix(stream) => Box::new(stream),
        }
    }
}
