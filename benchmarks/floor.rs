//! The least that an HTTP server can do: it reads a request to its end and answers with constant bytes.
//!
//! One thread per connection, which sleeps in `read`: no event loop, no allocation, nothing looked at but the length.
//! It is told what every server of the benchmarks is told: `--http-port=PORT`, and in place of a model repository the
//! file that holds the whole answer. What else it is told has no meaning for it.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::{env, fs, thread};

fn main() -> io::Result<()> {
    let port = argument("--http-port=")?;
    let answer: Arc<[u8]> = fs::read(argument("--model-repository=")?)?.into();
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    for stream in listener.incoming() {
        let (stream, answer) = (stream?, Arc::clone(&answer));
        // Where its client goes, a connection ends, whatever the reason.
        thread::spawn(move || serve(stream, &answer));
    }
    Ok(())
}

fn argument(name: &str) -> io::Result<String> {
    let found = env::args().find_map(|word| word.strip_prefix(name).map(str::to_owned));
    found.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, format!("{name} is missing")))
}

fn serve(mut stream: TcpStream, answer: &[u8]) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 64 << 10];
    let mut filled = 0;
    loop {
        let length = stream.read(&mut buffer[filled..])?;
        if length == 0 {
            return Ok(());
        }
        filled += length;
        while let Some(length) = request_length(&buffer[..filled]) {
            stream.write_all(answer)?;
            buffer.copy_within(length..filled, 0);
            filled -= length;
        }
    }
}

/// Bytes of the first request, once all of it is there.
fn request_length(received: &[u8]) -> Option<usize> {
    let head = received.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
    let lines = std::str::from_utf8(&received[..head]).ok()?.lines();
    let fields = lines.filter_map(|line| line.split_once(':'));
    let mut lengths = fields.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let body = lengths.next().map_or(Some(0), |(_, value)| value.trim().parse().ok())?;
    (received.len() >= head + body).then_some(head + body)
}
