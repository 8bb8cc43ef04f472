//! Where connections come from.

use std::io;

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
        if let Some(share) = &self.share {
            share.turn().await;
        }
        let accepted = self.accept_any().await?;
        Ok((accepted, self.share.as_ref().map(Share::count)))
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
