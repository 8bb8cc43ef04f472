//! The worker's end: the same batches as in the server, whose answers go back over the socket.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use rustix::net::{RecvFlags, recv};
use trilith_core::request::Cancellation;
use trilith_core::{Error, Request, Response, Result};
use trilith_engine::{Answer, Batch, Model, Reply};

use crate::arena::{Inbox, Outbox};
use crate::message::{ToServer, ToWorker};
use crate::transcode::{Joined, decode_request, encode_answer, join};
use crate::{frame, handshake};

/// One read takes this much: more than a message of small tensors has.
const READ_SIZE: usize = 64 << 10;

/// The worker's end of the channel.
pub struct WorkerPort {
    model: Arc<Model>,
    channel: Arc<Channel>,
    reader: Mutex<Reader>,
}

/// What the answers of a batch need to go back.
struct Channel {
    /// The process that may answer: a copy of it, which a model has made by forking, has the same batches and ends.
    owner: u32,
    stream: UnixStream,
    inbox: Inbox,
    sender: Mutex<Sender>,
}

struct Sender {
    outbox: Outbox,
    message: Vec<u8>,
}

struct Reader {
    received: BytesMut,
    scratch: Box<[u8]>,
    /// Messages that were received while the worker looked for cancellations.
    early: VecDeque<Bytes>,
    running: u64,
    cancellations: Vec<Cancellation>,
}

impl WorkerPort {
    /// Takes over a connected socket and exchanges segments with the server, which must do the same now.
    ///
    /// `model` stands for the one that the server serves: same name, version and signature.
    pub fn connect(stream: UnixStream, model: Arc<Model>) -> io::Result<Self> {
        let (own, peer) = handshake::exchange(&stream)?;
        let sender = Mutex::new(Sender { outbox: Outbox::new(own), message: Vec::new() });
        let reader = Reader {
            received: BytesMut::new(),
            scratch: vec![0; READ_SIZE].into(),
            early: VecDeque::new(),
            running: 0,
            cancellations: Vec::new(),
        };
        let channel =
            Arc::new(Channel { owner: std::process::id(), stream, inbox: Inbox::new(peer), sender });
        Ok(Self { model, channel, reader: Mutex::new(reader) })
    }

    /// Waits for the next batch; `None` when the server has closed the channel.
    pub fn next_batch(&self) -> io::Result<Option<Batch>> {
        let mut reader = self.reader.lock();
        loop {
            let Some(message) = reader.wait(&self.channel.stream)? else {
                return Ok(None);
            };
            if let Some(batch) = self.accept(&mut reader, &message)? {
                return Ok(Some(batch));
            }
        }
    }

    /// Closes the channel from this end: the next batch is `None`, and the server learns that the worker is gone.
    pub fn hang_up(&self) -> io::Result<()> {
        self.channel.stream.shutdown(Shutdown::Both)
    }

    /// Takes note of requests that were cancelled while their batch runs; does not block.
    pub fn poll_cancellations(&self) -> io::Result<()> {
        let mut reader = self.reader.lock();
        reader.receive_now(&self.channel.stream)?;
        while let Some(message) = frame::take(&mut reader.received)? {
            match parse(&message)? {
                ToWorker::Cancel { batch, index } => reader.cancel(batch, index),
                ToWorker::Batch { .. } => reader.early.push_back(message),
            }
        }
        Ok(())
    }

    fn accept(&self, reader: &mut Reader, message: &Bytes) -> io::Result<Option<Batch>> {
        let (id, freed, requests) = match parse(message)? {
            ToWorker::Batch { id, freed, requests } => (id, freed, requests),
            ToWorker::Cancel { batch, index } => {
                reader.cancel(batch, index);
                return Ok(None);
            }
        };
        self.channel.sender.lock().outbox.take_back(&freed);
        let requests = requests
            .into_iter()
            .map(|request| decode_request(request, message, &self.channel.inbox))
            .collect::<io::Result<Vec<Request>>>()?;
        reader.running = id;
        reader.cancellations = requests.iter().map(|request| request.cancellation.clone()).collect();
        let answers = Arc::new(Mutex::new(Answers {
            channel: Arc::clone(&self.channel),
            batch: id,
            count: requests.len(),
            collected: Vec::with_capacity(requests.len()),
        }));
        let jobs = requests
            .into_iter()
            .enumerate()
            .map(|(index, request)| {
                let reply = ReplyTo { answers: Arc::clone(&answers), index: index as u32 };
                (request, Box::new(reply) as Box<dyn Reply>)
            })
            .collect();
        Ok(Some(Batch::assemble(&self.model, jobs)))
    }
}

fn parse(message: &Bytes) -> io::Result<ToWorker<'_>> {
    postcard::from_bytes(message).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

impl Reader {
    /// The next message; `None` when the server has closed the channel.
    fn wait(&mut self, mut stream: &UnixStream) -> io::Result<Option<Bytes>> {
        if let Some(message) = self.early.pop_front() {
            return Ok(Some(message));
        }
        loop {
            if let Some(message) = frame::take(&mut self.received)? {
                return Ok(Some(message));
            }
            match stream.read(&mut self.scratch) {
                Ok(0) => return Ok(None),
                Ok(length) => self.received.extend_from_slice(&self.scratch[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    fn receive_now(&mut self, stream: &UnixStream) -> io::Result<()> {
        match recv(stream, &mut self.scratch[..], RecvFlags::DONTWAIT) {
            Ok((_, length)) => {
                self.received.extend_from_slice(&self.scratch[..length]);
                Ok(())
            }
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn cancel(&mut self, batch: u64, index: u32) {
        if batch == self.running
            && let Some(cancellation) = self.cancellations.get(index as usize)
        {
            cancellation.cancel();
        }
    }
}

/// Collects the answers of one batch and sends them when they are complete.
struct Answers {
    channel: Arc<Channel>,
    batch: u64,
    count: usize,
    collected: Vec<(u32, Result<Response>)>,
}

struct ReplyTo {
    answers: Arc<Mutex<Answers>>,
    index: u32,
}

impl Reply for ReplyTo {
    fn send(&mut self, answer: Answer) {
        let nothing = || Err(Error::internal("the model ended a request without an answer"));
        let mut answers = self.answers.lock();
        answers.collected.push((self.index, answer.result.unwrap_or_else(nothing)));
        if answers.collected.len() == answers.count {
            answers.transmit();
        }
    }
}

impl Answers {
    fn transmit(&mut self) {
        if std::process::id() != self.channel.owner {
            return;
        }
        let mut sender = self.channel.sender.lock();
        let freed = self.channel.inbox.freed();
        if let Err(error) = sender.encode(self.batch, &freed, &self.collected) {
            // Outputs that cannot be sent must not leave their clients waiting.
            let text = format!("the outputs cannot be handed to the server: {error}");
            let failed = |(index, _): &(u32, _)| (*index, Err(Error::model(text.clone())));
            let answers: Vec<_> = self.collected.iter().map(failed).collect();
            if sender.encode(self.batch, &freed, &answers).is_err() {
                return;
            }
        }
        // A server that is gone is noticed by the next read, which ends the worker.
        let _ = (&self.channel.stream).write_all(&sender.message);
    }
}

impl Sender {
    fn encode(&mut self, batch: u64, freed: &[u64], answers: &[(u32, Result<Response>)]) -> io::Result<()> {
        let outputs = answers.iter().filter_map(|(_, answer)| answer.as_ref().ok());
        let joined: Joined = join(outputs.flat_map(|response| response.outputs.iter()));
        let mut pieces = joined.iter();
        let answers = answers
            .iter()
            .map(|(index, answer)| Ok((*index, encode_answer(answer, &mut pieces, &mut self.outbox)?)))
            .collect::<io::Result<_>>()?;
        frame::encode(&ToServer { batch, freed: freed.to_vec(), answers }, &mut self.message)
    }
}
