//! What comes before a protocol: connections over TCP or a Unix domain socket, bounded, with TLS where it is asked for.
//!
//! - [`accept`]: takes connections until told to stop
//! - [`connections`]: how many there may be at once
//! - [`listener`]: where they come from
//! - [`shares`]: which event loop takes them
//! - [`tls`]: how they are encrypted, with [`certificates`] and [`x509`] to read what is needed for it

mod accept;
#[cfg(feature = "tls")]
mod certificates;
mod connections;
mod listener;
mod shares;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(feature = "tls")]
mod x509;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

pub(crate) use accept::serve;
pub use connections::Connections;
pub use listener::Listener;
pub use shares::{Duty, Share, Shares};

/// What bytes go through, whatever kind of connection it is.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {
    /// Whether the system has seen that nothing reaches the peer any more.
    fn has_failed(&self) -> bool;
}

impl Duplex for TcpStream {
    fn has_failed(&self) -> bool {
        !matches!(self.take_error(), Ok(None))
    }
}

impl Duplex for UnixStream {
    fn has_failed(&self) -> bool {
        !matches!(self.take_error(), Ok(None))
    }
}

/// An open connection.
pub(crate) type Stream = Box<dyn Duplex>;
