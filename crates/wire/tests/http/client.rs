//! An HTTP client that sees every byte.

use std::io::Write;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    received: Vec<u8>,
}

/// One answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find_map(|(found, value)| found.eq_ignore_ascii_case(name).then_some(value.trim()))
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

impl Client {
    /// Sends over a new connection what the system keeps until the server has its turn.
    pub(crate) fn connect_and_send(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Self {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.write_all(bytes.as_ref()).unwrap();
        stream.set_nonblocking(true).unwrap();
        Self { stream: TcpStream::from_std(stream).unwrap(), received: Vec::new() }
    }

    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), received: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Reads one answer.
    pub(crate) async fn receive(&mut self) -> Answer {
        let head_length = loop {
            if let Some(position) = self.received.windows(4).position(|window| window == b"\r\n\r\n") {
                break position + 4;
            }
            assert!(
                self.fill().await > 0,
                "closed in a header: {:?}",
                String::from_utf8_lossy(&self.received)
            );
        };
        let head = String::from_utf8(self.received.drain(..head_length).collect()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer { status, head, body: Vec::new() };
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        while self.received.len() < length {
            assert!(self.fill().await > 0, "closed in a body");
        }
        answer.body = self.received.drain(..length).collect();
        answer
    }

    /// Waits until the server closes the connection; what came before.
    pub(crate) async fn closed(mut self) -> Vec<u8> {
        while self.fill().await > 0 {}
        self.received
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        self.receive().await
    }

    pub(crate) async fn post(&mut self, path: &str, headers: &str, body: impl AsRef<[u8]>) -> Answer {
        self.send(request(path, headers, body)).await;
        self.receive().await
    }

    async fn fill(&mut self) -> usize {
        // A reset is an end too.
        self.stream.read_buf(&mut self.received).await.unwrap_or(0)
    }
}

/// The bytes of a POST; each of `headers` ends with a line break.
pub(crate) fn request(path: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// The JSON of a request for `echo`.
pub(crate) fn echo_json(values: &str, count: usize) -> String {
    format!(
        "{{\"inputs\":[{{\"name\":\"IN\",\"datatype\":\"FP32\",\"shape\":[1,{count}],\"data\":{values}}}]}}"
    )
}
