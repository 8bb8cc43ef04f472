//! Reads certificates and keys, and finds everything that is wrong with them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::{CertifiedKey, SigningKey};

use super::x509::{self, Certificate};

/// Files that hold what TLS needs, all of them PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The server's certificate, and what links it to one that clients know.
    pub certificate: PathBuf,
    /// The key of that certificate.
    pub key: PathBuf,
    /// Who signs the certificates that clients must show; `None` asks clients for none.
    pub roots: Option<PathBuf>,
}

/// Which of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsFile {
    /// The server's certificate.
    Certificate,
    /// Its key.
    Key,
    /// The certificates that clients' certificates are checked with.
    Roots,
}

/// Something that people should know about a file.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Which file.
    pub file: TlsFile,
    /// What it is, and what to do.
    pub message: String,
    /// Whether there can be no TLS with it.
    pub is_fatal: bool,
}

/// What was read, as far as it could be, and what was found on the way.
#[derive(Default)]
pub(super) struct Material {
    pub(super) identity: Option<Arc<CertifiedKey>>,
    pub(super) roots: Option<Arc<RootCertStore>>,
    pub(super) findings: Vec<Finding>,
}

/// Reads all files and looks whether they fit together.
pub(super) fn read(files: &TlsFiles) -> Material {
    let mut material = Material::default();
    let chain = material.read_certificates(TlsFile::Certificate, &files.certificate);
    let key = material.read_key(&files.key);
    if let (Some(chain), Some(key)) = (chain, key) {
        material.check_pair(&chain, &*key);
        material.identity = Some(Arc::new(CertifiedKey::new(chain, key)));
    }
    if let Some(path) = &files.roots
        && let Some(certificates) = material.read_certificates(TlsFile::Roots, path)
    {
        let mut roots = RootCertStore::empty();
        for certificate in certificates {
            if let Err(error) = roots.add(certificate) {
                material.refuse(
                    TlsFile::Roots,
                    format!("holds a certificate that nothing can be checked with: {error}"),
                );
            }
        }
        material.roots = Some(Arc::new(roots));
    }
    material
}

impl Material {
    /// Whether there can be TLS with it.
    pub(super) fn is_sound(&self) -> bool {
        !self.findings.iter().any(|finding| finding.is_fatal)
    }

    pub(super) fn refuse(&mut self, file: TlsFile, message: impl Into<String>) {
        self.findings.push(Finding { file, message: message.into(), is_fatal: true });
    }

    fn warn(&mut self, file: TlsFile, message: String) {
        self.findings.push(Finding { file, message, is_fatal: false });
    }

    fn read_file(&mut self, file: TlsFile, path: &Path) -> Option<Vec<u8>> {
        fs::read(path).map_err(|error| self.refuse(file, format!("cannot be read: {error}"))).ok()
    }

    fn read_certificates(&mut self, file: TlsFile, path: &Path) -> Option<Vec<CertificateDer<'static>>> {
        let content = self.read_file(file, path)?;
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&content).collect();
        let certificates = match certificates {
            Ok(certificates) if !certificates.is_empty() => certificates,
            Ok(_) => return self.refuse_content(file, &content, "no certificate"),
            Err(error) => {
                self.refuse(file, format!("is not whole: {error}"));
                return None;
            }
        };
        for (index, certificate) in certificates.iter().enumerate() {
            self.check_validity(file, index, certificate);
        }
        Some(certificates)
    }

    fn check_validity(&mut self, file: TlsFile, index: usize, certificate: &[u8]) {
        let which = if index == 0 { String::new() } else { format!("certificate {}: ", index + 1) };
        let Some(read) = Certificate::read(certificate) else {
            self.refuse(file, format!("{which}is PEM, and what it holds is no X.509 certificate"));
            return;
        };
        let now = x509::now();
        let whom = if file == TlsFile::Roots {
            "clients with certificates of it are refused"
        } else {
            "clients that check it refuse the server"
        };
        if read.not_after < now {
            self.warn(file, format!("{which}expired on {} UTC: {whom}; have it renewed", read.not_after));
        } else if read.not_before > now {
            self.warn(file, format!("{which}is not valid before {} UTC: {whom} until then", read.not_before));
        }
    }

    fn read_key(&mut self, path: &Path) -> Option<Arc<dyn SigningKey>> {
        let content = self.read_file(TlsFile::Key, path)?;
        if is_encrypted(&content) {
            self.refuse(
                TlsFile::Key,
                "the key is encrypted, and a server has nobody to ask for the passphrase; \
                 decrypt it with: openssl pkey -in KEY -out DECRYPTED_KEY",
            );
            return None;
        }
        let Ok(key) = PrivateKeyDer::from_pem_slice(&content) else {
            return self.refuse_content(TlsFile::Key, &content, "no private key");
        };
        ring::default_provider()
            .key_provider
            .load_private_key(key)
            .map_err(|_| {
                self.refuse(
                    TlsFile::Key,
                    "the key is of no kind that can be used; RSA from 2048 to 8192 bits, ECDSA with P-256 or P-384, \
                     and Ed25519 can",
                );
            })
            .ok()
    }

    fn check_pair(&mut self, chain: &[CertificateDer<'_>], key: &dyn SigningKey) {
        let certified = chain.first().and_then(|first| Certificate::read(first));
        // A kind of key that does not tell its public half is left to the handshake.
        if let (Some(certified), Some(public)) = (certified, key.public_key())
            && certified.public_key != public.as_ref()
        {
            self.refuse(
                TlsFile::Key,
                "is not the key of the server's certificate; give the two that belong together",
            );
        }
    }

    /// Says what a file without the thing that is wanted seems to hold in its place.
    fn refuse_content<T>(&mut self, file: TlsFile, content: &[u8], what: &str) -> Option<T> {
        let has = |label: &str| String::from_utf8_lossy(content).contains(label);
        let hint = if content.is_empty() {
            "it is empty"
        } else if content.first() == Some(&0x30) {
            "it looks like DER; openssl x509 -inform der (or openssl pkey -inform der) makes PEM of it"
        } else if has("PRIVATE KEY-----") {
            "it holds a private key; were certificate and key exchanged?"
        } else if has("BEGIN CERTIFICATE-----") {
            "it holds a certificate; were certificate and key exchanged?"
        } else {
            "it has to be PEM, which begins with -----BEGIN"
        };
        self.refuse(file, format!("holds {what}: {hint}"));
        None
    }
}

/// Either of the two ways in which a PEM key says so.
fn is_encrypted(content: &[u8]) -> bool {
    let text = String::from_utf8_lossy(content);
    text.contains("BEGIN ENCRYPTED PRIVATE KEY-----") || text.contains("Proc-Type: 4,ENCRYPTED")
}
