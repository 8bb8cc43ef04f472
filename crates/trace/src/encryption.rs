//! TLS to a collector: whose certificates are trusted.

use std::io;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use trilith_core::{Error, Result};

/// Where systems keep the certificates that they trust, in the order in which OpenSSL's own users look.
const SYSTEM: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Encrypts connections to one host.
#[derive(Clone, Debug)]
pub(crate) struct Encryption {
    config: Arc<ClientConfig>,
    host: ServerName<'static>,
}

impl Encryption {
    /// Trusts the certificates in that file, or those of the system.
    pub(crate) fn new(host: &str, trusted: Option<&Path>) -> Result<Self> {
        let roots = read_roots(&find_roots(trusted)?)?;
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::internal(format!("TLS cannot be spoken: {error}")))?;
        let config = builder.with_root_certificates(roots).with_no_client_auth();
        let host = ServerName::try_from(host.to_owned())
            .map_err(|error| Error::invalid(format!("'{host}' is no name of a host: {error}")))?;
        Ok(Self { config: Arc::new(config), host })
    }

    /// Encrypts a connection; the handshake is made with the first bytes.
    pub(crate) fn wrap(&self, stream: TcpStream) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let connection = ClientConnection::new(Arc::clone(&self.config), self.host.clone());
        Ok(StreamOwned::new(connection.map_err(io::Error::other)?, stream))
    }
}

fn find_roots(trusted: Option<&Path>) -> Result<PathBuf> {
    let chosen = std::env::var_os("SSL_CERT_FILE").filter(|file| !file.is_empty()).map(PathBuf::from);
    let existing = || SYSTEM.iter().map(PathBuf::from).find(|path| path.is_file());
    trusted.map(Path::to_owned).or(chosen).or_else(existing).ok_or_else(|| {
        let error = Error::invalid("this system has no certificates by which a collector could be trusted");
        error.with_hint("name a file of them in OTEL_EXPORTER_OTLP_CERTIFICATE")
    })
}

fn read_roots(path: &Path) -> Result<RootCertStore> {
    let refuse = |why: String| {
        let message = format!("the certificates in '{}' cannot be used: {why}", path.display());
        Error::invalid(message).with_hint("it has to be a file of certificates as PEM")
    };
    let found = CertificateDer::pem_file_iter(path).map_err(|error| refuse(error.to_string()))?;
    let certificates: Vec<_> = found.filter_map(std::result::Result::ok).collect();
    let mut roots = RootCertStore::empty();
    // Systems keep some that are too old to be read; one that can be is enough to begin with.
    let (taken, _) = roots.add_parsable_certificates(certificates);
    if taken == 0 { Err(refuse("it holds none".into())) } else { Ok(roots) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_refused_by_name() {
        let error = Encryption::new("a", Some(Path::new("Cargo.toml"))).unwrap_err();
        assert!(error.message.contains("'Cargo.toml' cannot be used: it holds none"), "{}", error.message);
        let error = Encryption::new("a", Some(Path::new("nowhere.pem"))).unwrap_err();
        assert!(error.message.contains("'nowhere.pem' cannot be used"), "{}", error.message);
    }
}
