//! Which certificate an endpoint shows, where it is built and told to show one.

use pyo3::prelude::*;
use trilith_wire::Listener;

use crate::spec::TlsForm;

#[cfg(feature = "tls")]
pub(crate) use trilith_wire::transport::tls::Protocol;

/// What is spoken, to no effect in a build without TLS.
#[cfg(not(feature = "tls"))]
pub(crate) enum Protocol {
    Http1,
    #[cfg(feature = "grpc")]
    Http2,
}

/// How the connections of an endpoint are encrypted, if at all.
pub(crate) struct Encryption {
    #[cfg(feature = "tls")]
    tls: Option<trilith_wire::transport::tls::Tls>,
}

#[cfg(feature = "tls")]
mod with_tls {
    use pyo3::exceptions::PyValueError;
    use trilith_wire::transport::tls::{Finding, Tls, TlsFile, TlsFiles};

    use super::{Encryption, Listener, Protocol, PyResult, TlsForm, pyfunction};
    use crate::spec;

    impl Encryption {
        /// Reads the files, if there are any.
        pub(crate) fn load(form: Option<&TlsForm>, protocol: Protocol) -> PyResult<Self> {
            let Some(form) = form else { return Ok(Self { tls: None }) };
            let (tls, findings) = Tls::load(&files(form), protocol);
            if tls.is_none() {
                let reasons: Vec<_> = findings.into_iter().map(|finding| finding.message).collect();
                return Err(PyValueError::new_err(format!("TLS: {}", reasons.join("; "))));
            }
            Ok(Self { tls })
        }

        pub(crate) fn apply(&self, listener: Listener) -> Listener {
            listener.with_tls(self.tls.clone())
        }
    }

    fn files(form: &TlsForm) -> TlsFiles {
        TlsFiles { certificate: form.certificate.clone(), key: form.key.clone(), roots: form.roots.clone() }
    }

    /// Looks what is wrong with the files that TLS needs.
    #[pyfunction]
    pub(crate) fn inspect_tls(files: &str) -> PyResult<Vec<(&'static str, String, bool)>> {
        let form: TlsForm = spec::parse(files, "TLS files")?;
        let (_, findings) = Tls::load(&self::files(&form), Protocol::Http1);
        Ok(findings.into_iter().map(describe).collect())
    }

    fn describe(finding: Finding) -> (&'static str, String, bool) {
        let file = match finding.file {
            TlsFile::Certificate => "certificate",
            TlsFile::Key => "key",
            TlsFile::Roots => "roots",
        };
        (file, finding.message, finding.is_fatal)
    }
}

#[cfg(feature = "tls")]
pub(crate) use with_tls::inspect_tls;

#[cfg(not(feature = "tls"))]
mod without_tls {
    use pyo3::exceptions::PyValueError;

    use super::{Encryption, Listener, Protocol, PyResult, TlsForm, pyfunction};

    const ABSENT: &str = "TLS is not part of this build";

    impl Encryption {
        /// Refuses: a build without TLS must not serve in the clear what was to be encrypted.
        pub(crate) fn load(form: Option<&TlsForm>, _protocol: Protocol) -> PyResult<Self> {
            match form {
                None => Ok(Self {}),
                Some(_) => Err(PyValueError::new_err(ABSENT)),
            }
        }

        #[expect(clippy::unused_self, reason = "with TLS there is something to apply")]
        pub(crate) fn apply(&self, listener: Listener) -> Listener {
            listener
        }
    }

    /// Looks what is wrong with the files that TLS needs: that there is no TLS.
    #[pyfunction]
    pub(crate) fn inspect_tls(_files: &str) -> Vec<(&'static str, String, bool)> {
        vec![("certificate", ABSENT.to_owned(), true)]
    }
}

#[cfg(not(feature = "tls"))]
pub(crate) use without_tls::inspect_tls;
