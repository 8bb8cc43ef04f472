//! One message to a collector: OTLP over HTTP, and what its answer says.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

use trilith_core::{Error, Result};

use crate::address::Address;
#[cfg(feature = "tls")]
use crate::encryption::Encryption;

/// For a collector to take one batch, all in all: as long as OTLP's exporters wait by default.
const EXPORT_SECONDS: u64 = 10;
/// Of an answer that is read: its head.
const MOST_READ: u64 = 16 << 10;
/// Answers by which a collector says that it takes the message later, by OTLP.
const LATER: [&str; 4] = ["429", "502", "503", "504"];

/// Why a message was not taken.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It may be taken later; the collector says when, maybe.
    Later(io::Error, Option<Duration>),
    /// It will not be taken.
    Final(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Final(error)
    }
}

/// Sends messages to one collector.
pub struct Exporter {
    address: Address,
    /// What is said in every request beside what has to be.
    headers: String,
    #[cfg(feature = "tls")]
    encryption: Option<Encryption>,
}

impl Exporter {
    /// To that address, with these headers, trusting the certificates in that file or those of the system.
    ///
    /// Fails where a header is none, or no certificates can be read.
    pub fn new(address: Address, headers: &[(String, String)], trusted: Option<&Path>) -> Result<Self> {
        let headers = headers.iter().map(write_header).collect::<Result<String>>()?;
        #[cfg(not(feature = "tls"))]
        let _ = trusted;
        Ok(Self {
            headers,
            #[cfg(feature = "tls")]
            encryption: address.is_encrypted.then(|| Encryption::new(address.host(), trusted)).transpose()?,
            address,
        })
    }

    /// Where it sends to, for people.
    pub(crate) fn place(&self) -> &str {
        &self.address.authority
    }

    /// Sends one message; fails unless it is taken.
    pub(crate) fn post(&self, body: &[u8]) -> std::result::Result<(), Failure> {
        let stream = connect(&self.address.authority, Duration::from_secs(EXPORT_SECONDS))?;
        #[cfg(feature = "tls")]
        if let Some(encryption) = &self.encryption {
            return self.exchange(encryption.wrap(stream)?, body);
        }
        self.exchange(stream, body)
    }

    fn exchange(&self, mut stream: impl Read + Write, body: &[u8]) -> std::result::Result<(), Failure> {
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-protobuf\r\nContent-Length: {}\r\n\
             Connection: close\r\n{}\r\n",
            self.address.path,
            self.address.authority,
            body.len(),
            self.headers
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        stream.flush()?;
        judge(BufReader::new(stream.take(MOST_READ)))
    }
}

/// Reads the head of an answer.
fn judge(mut answer: impl BufRead) -> std::result::Result<(), Failure> {
    let mut status = String::new();
    answer.read_line(&mut status)?;
    let code = status.split(' ').nth(1).unwrap_or_default();
    if code.starts_with('2') {
        return Ok(());
    }
    let error = io::Error::other(format!("it answered '{}'", status.trim_end()));
    if !LATER.contains(&code) {
        return Err(Failure::Final(error));
    }
    let mut wait = None;
    for line in answer.lines() {
        // What is said of a head that breaks off is that much.
        let Ok(line) = line else { break };
        let Some((name, value)) = line.split_once(':') else { break };
        if name.eq_ignore_ascii_case("retry-after") {
            wait = value.trim().parse().ok().map(Duration::from_secs);
        }
    }
    Err(Failure::Later(error, wait))
}

fn write_header((name, value): &(String, String)) -> Result<String> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let is_sound = !name.is_empty()
        && name.bytes().all(is_token)
        && value.bytes().all(|byte| byte == b'\t' || !byte.is_ascii_control());
    if is_sound {
        return Ok(format!("{name}: {value}\r\n"));
    }
    // What it is set to may be a secret.
    Err(Error::invalid(format!("'{name}' and its value are no header that could be sent to a collector")))
}

fn connect(authority: &str, limit: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for place in authority.to_socket_addrs()? {
        match TcpStream::connect_timeout(&place, limit) {
            Ok(stream) => {
                stream.set_write_timeout(Some(limit))?;
                stream.set_read_timeout(Some(limit))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long a collector that answers so wants to be waited for.
    fn wait(answer: &str) -> Option<Duration> {
        match judge(answer.as_bytes()) {
            Err(Failure::Later(_, wait)) => wait,
            other => panic!("{answer}: {other:?}"),
        }
    }

    #[test]
    fn answers_say_whether_and_when_to_come_again() {
        assert!(judge(&b"HTTP/1.1 200 OK\r\n\r\n"[..]).is_ok());
        assert!(judge(&b"HTTP/1.1 202 Accepted\r\n\r\n"[..]).is_ok());
        for status in ["400 Bad Request", "500 Internal Server Error", "301 Moved"] {
            let answer = format!("HTTP/1.1 {status}\r\nRetry-After: 1\r\n\r\n");
            assert!(matches!(judge(answer.as_bytes()), Err(Failure::Final(_))), "{status}");
        }
        for status in LATER {
            let answer = format!("HTTP/1.1 {status} no\r\nServer: x\r\nretry-after: 7\r\n\r\n");
            assert_eq!(wait(&answer), Some(Duration::from_secs(7)));
        }
        let date = "HTTP/1.1 503 no\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n\r\n";
        assert_eq!(wait(date), None);
        assert_eq!(wait("HTTP/1.1 503 no"), None);
        assert!(matches!(judge(&b""[..]), Err(Failure::Final(_))));
    }

    #[test]
    fn headers_that_would_break_a_request_are_refused() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(write_header(&pair("Authorization", "Bearer x")).unwrap(), "Authorization: Bearer x\r\n");
        for (name, value) in [("", "x"), ("a b", "x"), ("a", "x\r\nb: y"), ("a:", "x")] {
            let error = write_header(&pair(name, value)).unwrap_err();
            assert!(!error.message.contains("b: y"), "{}", error.message);
        }
    }
}
