//! Takes connections, no more than the bound, until told to stop.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::{Handler, Limits, connection};
use crate::shutdown::Shutdown;

/// Pause after a failed accept: the usual cause is that the process is out of file descriptors,
/// and they come back only when other connections end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves every connection of the listener until told to stop and the last one has ended.
pub(crate) async fn serve<H: Handler>(
    listener: TcpListener,
    handler: Arc<H>,
    limits: Limits,
    shutdown: Shutdown,
) {
    let bound = limits.max_connections.clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
    let places = Arc::new(Semaphore::new(bound));
    tokio::select! {
        biased;
        () = shutdown.wait() => {}
        () = accept_all(&listener, &handler, &limits, (&shutdown, &places)) => {}
    }
    drop(listener);
    // Every connection holds one place, so all places together mean that none is left.
    let _all = places.acquire_many(bound as u32).await;
}

async fn accept_all<H: Handler>(
    listener: &TcpListener,
    handler: &Arc<H>,
    limits: &Limits,
    (shutdown, places): (&Shutdown, &Arc<Semaphore>),
) {
    loop {
        // The place comes first: connections over the bound wait in the listener's backlog.
        let Ok(place) = Arc::clone(places).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        // Answers are written whole; waiting to fill a packet would only delay them.
        let _ = stream.set_nodelay(true);
        let served = connection::serve(stream, Arc::clone(handler), limits.clone(), shutdown.clone());
        tokio::spawn(async move {
            served.await;
            drop(place);
        });
    }
}
