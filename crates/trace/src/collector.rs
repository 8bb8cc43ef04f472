//! Traces on their way to an OpenTelemetry collector, by OTLP over HTTP.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use trilith_core::trace::Parent;
use trilith_core::{Error, Result};

use crate::identity::Identity;
use crate::otlp;
use crate::output::{Notice, Output};
use crate::recording::Finished;
use crate::spans::{count, spans};
use crate::time::Timebase;
use crate::values::Values;

/// For a collector to take one batch, all in all: as long as OTLP's exporters wait by default.
const EXPORT_SECONDS: u64 = 10;

/// Where spans go and how, by Triton's names.
#[derive(Clone, Debug)]
pub struct CollectorOptions {
    /// `url`: where to.
    pub address: Address,
    /// `resource`: what is said of the server.
    pub resource: Vec<(String, String)>,
    /// `bsp_max_queue_size`: spans that may wait.
    pub most_waiting: usize,
    /// `bsp_schedule_delay`: how long they wait at most before they are sent.
    pub delay: Duration,
    /// `bsp_max_export_batch_size`: spans that are sent at once.
    pub most_sent: usize,
}

/// Where a collector listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Host and port, as the request names them.
    pub authority: String,
    /// What is asked for there.
    pub path: String,
}

impl Address {
    /// Reads `http://HOST:PORT/PATH`; the scheme may be left out.
    pub fn read(url: &str) -> Result<Self> {
        let refuse = |why: &str| {
            let error = Error::invalid(format!("'{url}' is no address of a collector: {why}"));
            error.with_hint("it looks like http://localhost:4318/v1/traces")
        };
        let rest = match url.split_once("://") {
            Some(("http", rest)) => rest,
            Some((scheme, _)) => return Err(refuse(&format!("{scheme} is not spoken, only http is"))),
            None => url,
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        if authority.is_empty() || !is_plain(url) {
            return Err(refuse("it names no host"));
        }
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let authority = if has_port { authority.to_owned() } else { format!("{authority}:80") };
        let path = if path.is_empty() { "/v1/traces" } else { path };
        Ok(Self { authority, path: path.to_owned() })
    }
}

#[derive(Default)]
struct Waiting {
    traces: VecDeque<Finished>,
    spans: usize,
    dropped: u64,
    is_closed: bool,
}

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    news: Condvar,
}

/// Sends spans on a thread of its own.
pub struct CollectorOutput {
    shared: Arc<Shared>,
    most_waiting: usize,
    sender: Mutex<Option<JoinHandle<u64>>>,
}

impl CollectorOutput {
    /// Starts the thread.
    pub fn start(options: CollectorOptions, time: Timebase, notice: Notice) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let (own, most_waiting) = (Arc::clone(&shared), options.most_waiting);
        let sender = Sender { options, time, notice, lost: 0, is_failing: false };
        let sender = thread::Builder::new().name("trace-collector".into()).spawn(move || sender.run(&own))?;
        Ok(Self { shared, most_waiting, sender: Mutex::new(Some(sender)) })
    }
}

impl Output for CollectorOutput {
    fn identify(&self, parent: Parent<'_>) -> (bool, Identity) {
        Identity::of(parent)
    }

    fn takes_tensors(&self) -> bool {
        false
    }

    fn take(&self, trace: Finished) {
        let size = count(&trace);
        let mut waiting = self.shared.waiting.lock();
        if waiting.spans + size > self.most_waiting || waiting.is_closed {
            waiting.dropped += 1;
            drop(waiting);
            return;
        }
        waiting.spans += size;
        waiting.traces.push_back(trace);
        self.shared.news.notify_one();
    }

    fn exhaust(&self, _: u64) {}

    fn retire(&self, _: u64, _: &Values) {}

    fn check(&self) -> Result<()> {
        // A collector may come later than the server.
        Ok(())
    }

    fn close(&self) -> Option<String> {
        self.shared.waiting.lock().is_closed = true;
        self.shared.news.notify_all();
        let lost = self.sender.lock().take().and_then(|sender| sender.join().ok()).unwrap_or(0);
        (lost > 0).then(|| format!("{lost} traces could not be sent"))
    }
}

struct Sender {
    options: CollectorOptions,
    time: Timebase,
    notice: Notice,
    lost: u64,
    is_failing: bool,
}

impl Sender {
    /// Sends until nothing follows; how many traces were lost.
    fn run(mut self, shared: &Shared) -> u64 {
        loop {
            let (traces, dropped, is_last) = self.collect(shared);
            if dropped > 0 {
                self.lost += dropped;
                (self.notice)(format!(
                    "{dropped} traces were dropped: more than {} spans waited for the collector",
                    self.options.most_waiting
                ));
            }
            self.send(traces);
            if is_last {
                return self.lost;
            }
        }
    }

    /// Waits until a batch is full, or the first of it has waited long enough.
    fn collect(&self, shared: &Shared) -> (VecDeque<Finished>, u64, bool) {
        let mut waiting = shared.waiting.lock();
        while waiting.traces.is_empty() && waiting.dropped == 0 && !waiting.is_closed {
            shared.news.wait(&mut waiting);
        }
        let until = Instant::now() + self.options.delay;
        while waiting.spans < self.options.most_sent && !waiting.is_closed {
            if shared.news.wait_until(&mut waiting, until).timed_out() {
                break;
            }
        }
        waiting.spans = 0;
        (std::mem::take(&mut waiting.traces), std::mem::take(&mut waiting.dropped), waiting.is_closed)
    }

    fn send(&mut self, traces: VecDeque<Finished>) {
        let offset = self.time.unix_offset();
        let count = traces.len() as u64;
        let all: Vec<_> = traces.iter().flat_map(|trace| spans(trace, offset)).collect();
        drop(traces);
        let result = all
            .chunks(self.options.most_sent.max(1))
            .try_for_each(|chunk| post(&self.options.address, &otlp::encode(&self.options.resource, chunk)));
        if count == 0 {
            return;
        }
        let was_failing = self.is_failing;
        self.is_failing = result.is_err();
        if let Err(error) = result {
            self.lost += count;
            if !was_failing {
                let place = &self.options.address.authority;
                (self.notice)(format!("the collector at {place} takes no traces, they are lost: {error}"));
            }
        }
    }
}

/// Sends one message; fails unless it is taken.
fn post(address: &Address, body: &[u8]) -> io::Result<()> {
    let limit = Duration::from_secs(EXPORT_SECONDS);
    let mut stream = connect(&address.authority, limit)?;
    stream.set_write_timeout(Some(limit))?;
    stream.set_read_timeout(Some(limit))?;
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-protobuf\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        address.path,
        address.authority,
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut status = String::new();
    BufReader::new(io::Read::take(stream, 1024)).read_line(&mut status)?;
    let code = status.split(' ').nth(1).unwrap_or_default();
    if code.starts_with('2') {
        return Ok(());
    }
    Err(io::Error::other(format!("it answered '{}'", status.trim_end())))
}

fn connect(authority: &str, limit: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for place in authority.to_socket_addrs()? {
        match TcpStream::connect_timeout(&place, limit) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_leave_out_the_scheme_and_the_path() {
        let address =
            |authority: &str, path: &str| Address { authority: authority.into(), path: path.into() };
        for (url, expected) in [
            ("http://localhost:4318/v1/traces", address("localhost:4318", "/v1/traces")),
            ("localhost:4318/other", address("localhost:4318", "/other")),
            ("http://collector", address("collector:80", "/v1/traces")),
            ("[::1]:4318", address("[::1]:4318", "/v1/traces")),
        ] {
            assert_eq!(Address::read(url), Ok(expected), "{url}");
        }
        for (url, problem) in [
            ("https://a/b", "https is not spoken"),
            ("", "names no host"),
            ("http:///v1", "names no host"),
            ("a b", "no host"),
        ] {
            assert!(Address::read(url).unwrap_err().message.contains(problem), "{url}");
        }
    }
}
