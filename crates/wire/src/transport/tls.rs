//! TLS 1.2 and 1.3 for a listener's connections, with certificates of clients where they are asked for.
//!
//! A client of HTTP that does not speak TLS is told so: it would only see a connection that breaks.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, sink};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::server::{ResolvesServerCert, WebPkiClientVerifier};
use tokio_rustls::rustls::sign::SingleCertAndKey;
use tokio_rustls::server::TlsStream;

use super::certificates::{self, Material};
use super::listener::Accepted;
use super::{Duplex, Stream};

pub use super::certificates::{Finding, TlsFile, TlsFiles};

/// First byte of every TLS connection: a record that holds a handshake.
const HANDSHAKE: u8 = 0x16;
/// Time and bytes given to a client without TLS to finish sending, so that it gets to read the answer.
const LINGER: (Duration, u64) = (Duration::from_secs(1), 64 << 10);

/// What a client of HTTP/1.1 without TLS is told.
const NO_TLS_HTTP1: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 62\r\n\
Connection: close\r\n\r\n{\"error\":\"this port speaks TLS: begin the URL with https://\"}\n";
/// What is spoken inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1
    Http1,
    /// HTTP/2
    Http2,
}

impl Protocol {
    /// Its name when client and server agree on a protocol (ALPN).
    fn name(self) -> &'static [u8] {
        match self {
            Self::Http1 => b"http/1.1",
            Self::Http2 => b"h2",
        }
    }

    fn refusal(self) -> &'static [u8] {
        match self {
            Self::Http1 => NO_TLS_HTTP1,
            // A client that gets so far as to exchange settings takes the server for a good one, and tries again and
            // again at once; one that is cut off reports it and waits.
            Self::Http2 => b"",
        }
    }
}

/// How the connections of a listener are encrypted.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    protocol: Protocol,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Tls").field("protocol", &self.protocol).finish_non_exhaustive()
    }
}

impl<S: Duplex> Duplex for TlsStream<S> {
    fn has_failed(&self) -> bool {
        self.get_ref().0.has_failed()
    }
}

impl Tls {
    /// Reads what is needed; `None` if there can be no TLS with it. The findings say why, and what else is notable.
    pub fn load(files: &TlsFiles, protocol: Protocol) -> (Option<Self>, Vec<Finding>) {
        let mut material = certificates::read(files);
        let config = if material.is_sound() { configure(&mut material) } else { None };
        let tls = config.map(|mut config| {
            config.alpn_protocols = vec![protocol.name().to_vec()];
            Self { acceptor: TlsAcceptor::from(Arc::new(config)), protocol }
        });
        (tls, material.findings)
    }

    /// Opens a connection; `None` where the client does not speak TLS, or not to this server.
    pub(super) async fn shake_hands(self, accepted: Accepted) -> Option<Stream> {
        match accepted {
            Accepted::Tcp(stream) if !begins_with_tls(&stream).await => {
                explain(stream, self.protocol.refusal()).await;
                None
            }
            Accepted::Tcp(stream) => self.accept(stream).await,
            Accepted::Unix(stream) => self.accept(stream).await,
        }
    }

    async fn accept(&self, stream: impl Duplex + 'static) -> Option<Stream> {
        // Why it failed is told to the client by an alert.
        let stream = self.acceptor.accept(stream).await.ok()?;
        Some(Box::new(stream))
    }
}

fn configure(material: &mut Material) -> Option<ServerConfig> {
    let identity: Arc<dyn ResolvesServerCert> = Arc::new(SingleCertAndKey::from(material.identity.take()?));
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| material.refuse(TlsFile::Certificate, error.to_string())).ok()?;
    let builder = match material.roots.take() {
        None => builder.with_no_client_auth(),
        Some(roots) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
            let verifier = verifier.map_err(|error| material.refuse(TlsFile::Roots, error.to_string()));
            builder.with_client_cert_verifier(verifier.ok()?)
        }
    };
    Some(builder.with_cert_resolver(identity))
}

/// Looks at the first byte without taking it. A connection that ends before it is left to the handshake.
async fn begins_with_tls(stream: &TcpStream) -> bool {
    let mut first = [HANDSHAKE];
    !matches!(stream.peek(&mut first).await, Ok(1)) || first[0] == HANDSHAKE
}

/// Tells a client something and waits a moment for what it still sends: closing at once could take the answer back.
async fn explain(mut stream: impl Duplex, answer: &[u8]) {
    let (patience, bytes) = LINGER;
    let told = timeout(patience, async {
        stream.write_all(answer).await?;
        AsyncWriteExt::shutdown(&mut stream).await?;
        copy(&mut (&mut stream).take(bytes), &mut sink()).await
    });
    // Whether it listens is the client's business.
    let _ = told.await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_without_tls_are_told_is_framed_as_their_protocol_wants_it() {
        let text = std::str::from_utf8(NO_TLS_HTTP1).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{}", body.len());
    }
}
