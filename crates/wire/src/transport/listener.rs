//! Where connections come from.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll};

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::shares::{Counted, Share};
#[cfg(feature = "tls")]
use super::tls::Tls;

/// Accepts connections.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    share: Option<Share>,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<Tls>,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A connection as the system hands it over.
pub(super) enum Accepted {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Listener {
    fn new(socket: Socket) -> Self {
        Self {
            socket,
            share: None,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// Has the event loops that serve an endpoint share its connections; without it this one takes what it can.
    pub fn with_share(mut self, share: Share) -> Self {
        self.share = Some(share);
        self
    }

    /// Has every connection begin with a TLS handshake.
    #[cfg(feature = "tls")]
    pub fn with_tls(mut self, tls: Option<Tls>) -> Self {
        self.tls = tls;
        self
    }

    /// Waits for the next connection that is this event loop's.
    pub(super) async fn accept(&self) -> io::Result<(Accepted, Option<Counted>)> {
        let Some(share) = &self.share else {
            return Ok((self.accept_any().await?, None));
        };
        loop {
            share.turn().await;
            let mut accept = pin!(self.accept_any());
            // It may wait for long, and its turn may be over when the connection comes.
            let look = |context: &mut Context<'_>| {
                if share.is_turn() { accept.as_mut().poll(context).map(Some) } else { Poll::Ready(None) }
            };
            if let Some(accepted) = poll_fn(look).await {
                return Ok((accepted?, Some(share.count())));
            }
        }
    }

    async fn accept_any(&self) -> io::Result<Accepted> {
        match &self.socket {
            Socket::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // Answers are written whole; waiting to fill a packet would only delay them.
                let _ = stream.set_nodelay(true);
                Ok(Accepted::Tcp(stream))
            }
            Socket::Unix(listener) => Ok(Accepted::Unix(listener.accept().await?.0)),
        }
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::new(Socket::Tcp(listener))
    }
}

impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Self {
        Self::new(Socket::Unix(listener))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;
    use crate::transport::{Duty, Shares};

    #[tokio::test]
    async fn a_loop_whose_turn_is_over_when_a_connection_comes_leaves_it_to_others() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let address = socket.local_addr().unwrap();
        let shares = Shares::default();
        let (first, second) = (shares.join(Duty::Regular), shares.join(Duty::Reserve));
        let many: Vec<_> = (0..100).map(|_| first.count()).collect();
        let other = TcpListener::from_std(socket.try_clone().unwrap()).unwrap();
        let reserve = Listener::from(other).with_share(second);
        let regular = Listener::from(TcpListener::from_std(socket).unwrap()).with_share(first);
        let waiting = tokio::spawn(async move { reserve.accept().await.map(|_| ()) });
        tokio::task::yield_now().await;
        drop(many);
        let _client = TcpStream::connect(address).await.unwrap();
        // Both know of the connection, and the one in reserve has its turn first.
        tokio::task::yield_now().await;
        timeout(Duration::from_secs(20), regular.accept()).await.unwrap().unwrap();
        assert!(!waiting.is_finished());
    }
}
