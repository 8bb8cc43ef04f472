//! Where an OpenTelemetry collector listens.

use trilith_core::{Error, Result};

/// Where a collector listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Whether it is spoken to by TLS.
    pub is_encrypted: bool,
    /// Host and port, as the request names them.
    pub authority: String,
    /// What is asked for there.
    pub path: String,
}

impl Address {
    /// Reads `http://HOST:PORT/PATH` or `https://`; the scheme may be left out, and stands for the former.
    pub fn read(url: &str) -> Result<Self> {
        let refuse = |why: &str| {
            let error = Error::invalid(format!("'{url}' is no address of a collector: {why}"));
            error.with_hint("it looks like http://localhost:4318/v1/traces")
        };
        let (is_encrypted, rest) = match url.split_once("://") {
            Some(("http", rest)) => (false, rest),
            Some(("https", rest)) if cfg!(feature = "tls") => (true, rest),
            Some(("https", _)) => {
                let error = Error::invalid(format!("'{url}': this build of the server speaks no TLS"));
                return Err(error.with_hint("put the feature 'tls' into it, or use http://"));
            }
            Some((scheme, _)) => {
                return Err(refuse(&format!("{scheme} is not spoken, only http and https are")));
            }
            None => (false, url),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        if authority.is_empty() || !is_plain(url) {
            return Err(refuse("it names no host"));
        }
        if authority.contains('@') {
            return Err(refuse("names and passwords are not sent; use OTEL_EXPORTER_OTLP_HEADERS"));
        }
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let usual = if is_encrypted { 443 } else { 80 };
        let authority = if has_port { authority.to_owned() } else { format!("{authority}:{usual}") };
        let path = if path.is_empty() { "/v1/traces" } else { path };
        Ok(Self { is_encrypted, authority, path: path.to_owned() })
    }

    /// The host alone, as certificates name it.
    pub fn host(&self) -> &str {
        let host = self.authority.rsplit_once(':').map_or(self.authority.as_str(), |(host, _)| host);
        host.trim_start_matches('[').trim_end_matches(']')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_leave_out_the_scheme_and_the_path() {
        let address = |is_encrypted, authority: &str, path: &str| Address {
            is_encrypted,
            authority: authority.into(),
            path: path.into(),
        };
        for (url, expected) in [
            ("http://localhost:4318/v1/traces", address(false, "localhost:4318", "/v1/traces")),
            ("localhost:4318/other", address(false, "localhost:4318", "/other")),
            ("http://collector", address(false, "collector:80", "/v1/traces")),
            ("[::1]:4318", address(false, "[::1]:4318", "/v1/traces")),
            #[cfg(feature = "tls")]
            ("https://collector/in", address(true, "collector:443", "/in")),
        ] {
            assert_eq!(Address::read(url), Ok(expected), "{url}");
        }
        for (url, problem) in [
            ("grpc://a/b", "grpc is not spoken"),
            ("", "names no host"),
            ("http:///v1", "names no host"),
            ("a b", "no host"),
            ("http://me:secret@a/b", "OTEL_EXPORTER_OTLP_HEADERS"),
            #[cfg(not(feature = "tls"))]
            ("https://a/b", "speaks no TLS"),
        ] {
            assert!(Address::read(url).unwrap_err().message.contains(problem), "{url}");
        }
    }

    #[test]
    fn a_host_stands_alone_in_its_certificate() {
        for (url, host) in [("http://[::1]:4318", "::1"), ("collector", "collector"), ("a.b:1", "a.b")] {
            assert_eq!(Address::read(url).unwrap().host(), host);
        }
    }
}
