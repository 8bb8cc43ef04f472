//! Reads what the server says, for everyone in the worker.
//!
//! Most models wait for nothing but batches, and the thread that waits for one reads by itself: no other thread has to
//! be woken. As soon as a model calls another one, a thread of its own reads for all.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Bytes, BytesMut};
use parking_lot::{Condvar, Mutex, MutexGuard};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use trilith_core::flow::Amount;
use trilith_core::{Error, Request};
use trilith_engine::{Answer, Reply, Vigil};

use crate::answers::Channel;
use crate::frame;
use crate::message::ToWorker;
use crate::transcode::{decode_answer, decode_request};

/// One read takes this much: more than a message of small tensors has.
const READ_SIZE: usize = 64 << 10;

/// A batch as it came.
pub(crate) struct Order {
    pub(crate) id: u64,
    pub(crate) requests: Vec<Request>,
}

/// Reads for everyone in the worker.
pub(crate) struct Reader {
    channel: Arc<Channel>,
    state: Mutex<State>,
    changed: Condvar,
    /// Locked by whoever reads.
    received: Mutex<Received>,
    /// Kept before a wait.
    vigil: Vigil,
    /// Whether the last batch was the only thing that the server waited for.
    is_single: AtomicBool,
}

struct Received {
    bytes: BytesMut,
    scratch: Box<[u8]>,
}

#[derive(Default)]
struct State {
    orders: VecDeque<Order>,
    replies: HashMap<u64, Box<dyn Reply>>,
    next_call: u64,
    is_reading: bool,
    has_thread: bool,
    stage: Stage,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Open,
    /// The server has said that no other batch comes.
    Finished,
    /// The server has closed the channel.
    Closed,
}

impl State {
    fn is_closed(&self) -> bool {
        self.stage == Stage::Closed
    }
}

/// Whether a read may wait.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    Wait,
    Now,
}

impl Reader {
    pub(crate) fn new(channel: Arc<Channel>) -> Self {
        let received = Received { bytes: BytesMut::new(), scratch: vec![0; READ_SIZE].into() };
        Self {
            channel,
            state: Mutex::default(),
            changed: Condvar::new(),
            received: Mutex::new(received),
            vigil: Vigil::default(),
            is_single: AtomicBool::new(false),
        }
    }

    /// Waits for the next batch; `None` when no other will come.
    pub(crate) fn next_order(&self) -> io::Result<Option<Order>> {
        let mut state = self.state.lock();
        loop {
            if let Some(order) = state.orders.pop_front() {
                return Ok(Some(order));
            }
            if state.stage != Stage::Open {
                return Ok(None);
            }
            if state.is_reading || state.has_thread {
                self.changed.wait(&mut state);
            } else {
                state = self.read(state, Patience::Wait)?;
            }
        }
    }

    /// Takes in what has come, if nobody else reads; does not block.
    pub(crate) fn poll(&self) -> io::Result<()> {
        let state = self.state.lock();
        if !state.is_reading && !state.is_closed() {
            drop(self.read(state, Patience::Now)?);
        }
        Ok(())
    }

    /// Reads, or waits while somebody else does, until `is_done` or the channel is closed.
    pub(crate) fn read_until(&self, is_done: impl Fn() -> bool) {
        let mut state = self.state.lock();
        while !is_done() && !state.is_closed() {
            if state.is_reading || state.has_thread {
                self.changed.wait(&mut state);
                continue;
            }
            match self.read(state, Patience::Wait) {
                Ok(next) => state = next,
                Err(_) => return self.close(&mut self.state.lock()),
            }
        }
    }

    /// Whether the caller is to start the thread that reads.
    pub(crate) fn claim_for_thread(&self) -> bool {
        !std::mem::replace(&mut self.state.lock().has_thread, true)
    }

    /// There is no such thread after all.
    pub(crate) fn unclaim(&self) {
        self.state.lock().has_thread = false;
        self.changed.notify_all();
    }

    /// Reads until the channel is closed.
    pub(crate) fn read_for_all(&self) {
        let mut state = self.state.lock();
        while !state.is_closed() {
            if state.is_reading {
                self.changed.wait(&mut state);
                continue;
            }
            match self.read(state, Patience::Wait) {
                Ok(next) => state = next,
                Err(_) => return self.close(&mut self.state.lock()),
            }
        }
    }

    /// Makes room for the reply to a request that is about to be sent; its number.
    pub(crate) fn expect_reply(&self, reply: Box<dyn Reply>) -> u64 {
        let mut state = self.state.lock();
        state.next_call += 1;
        let call = state.next_call;
        state.replies.insert(call, reply);
        let is_closed = state.is_closed();
        drop(state);
        if is_closed {
            self.fail_reply(call, "the server has closed the channel");
        }
        call
    }

    /// Answers a request that could not be sent.
    pub(crate) fn fail_reply(&self, call: u64, why: &str) {
        let reply = self.state.lock().replies.remove(&call);
        if let Some(mut reply) = reply {
            let error = Error::unavailable(why.to_owned());
            reply.send(Answer { result: Some(Err(error)), is_final: true });
        }
    }

    /// Reads once, without the lock, and hands out what came.
    fn read<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        patience: Patience,
    ) -> io::Result<MutexGuard<'a, State>> {
        state.is_reading = true;
        drop(state);
        let result = self.read_unlocked(patience);
        let mut state = self.state.lock();
        state.is_reading = false;
        if !matches!(result, Ok(true)) {
            self.close(&mut state);
        }
        self.changed.notify_all();
        result.map(|_| state)
    }

    /// Whether the channel is still open.
    fn read_unlocked(&self, patience: Patience) -> io::Result<bool> {
        let mut received = self.received.lock();
        let received = &mut *received;
        let stream = &self.channel.stream;
        let length = match patience {
            Patience::Now => match recv(stream, &mut received.scratch[..], RecvFlags::DONTWAIT) {
                Ok((_, 0)) => return Ok(false),
                Ok((_, length)) => length,
                Err(Errno::AGAIN | Errno::INTR) => return Ok(true),
                Err(error) => return Err(error.into()),
            },
            Patience::Wait => match self.wait_and_receive(&mut received.scratch) {
                Ok(0) | Err(Errno::CONNRESET) => return Ok(false),
                Ok(length) => length,
                Err(Errno::INTR) => return Ok(true),
                Err(error) => return Err(error.into()),
            },
        };
        received.bytes.extend_from_slice(&received.scratch[..length]);
        while let Some(message) = frame::take(&mut received.bytes)? {
            self.accept(&message)?;
        }
        Ok(true)
    }

    /// Waits until something has come. A thread that waits inside `recv` is woken as well each time the peer has read
    /// what was sent to it, for nothing; one that waits inside `poll` is not.
    fn wait_and_receive(&self, target: &mut [u8]) -> Result<usize, Errno> {
        let stream = &self.channel.stream;
        let mut look = || match recv(stream, &mut *target, RecvFlags::DONTWAIT) {
            Err(Errno::AGAIN) => None,
            received => Some(received.map(|(_, length)| length)),
        };
        // Otherwise the server sends the next batch only once this thread has answered, and nothing is there yet.
        if self.is_single.load(Ordering::Relaxed)
            && let Some(received) = look().or_else(|| self.vigil.keep(&mut look))
        {
            return received;
        }
        loop {
            poll(&mut [PollFd::new(stream, PollFlags::IN)], None)?;
            if let Some(received) = look() {
                return received;
            }
        }
    }

    /// Hands out one message.
    fn accept(&self, frame: &Bytes) -> io::Result<()> {
        let message =
            postcard::from_bytes(frame).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        match message {
            ToWorker::Batch { id, freed, requests, is_single } => {
                self.is_single.store(is_single, Ordering::Relaxed);
                self.channel.take_back(&freed);
                let requests = requests
                    .into_iter()
                    .map(|request| decode_request(request, frame, &self.channel.inbox))
                    .collect::<io::Result<Vec<Request>>>()?;
                self.channel.watched.add(id, &requests);
                self.state.lock().orders.push_back(Order { id, requests });
            }
            ToWorker::Cancel { batch, index } => {
                self.channel.watched.cancel(batch, index);
            }
            ToWorker::Read { batch, index, answers, bytes } => {
                self.channel.watched.set_read((batch, index), Amount { answers, bytes });
            }
            ToWorker::Freed(freed) => self.channel.take_back(&freed),
            ToWorker::Finish => self.state.lock().stage = Stage::Finished,
            ToWorker::Reply { call, freed, answer, is_final } => {
                self.channel.take_back(&freed);
                let result =
                    answer.map(|answer| decode_answer(answer, frame, &self.channel.inbox)).transpose()?;
                self.deliver(call, Answer { result, is_final });
            }
        }
        Ok(())
    }

    fn deliver(&self, call: u64, answer: Answer) {
        let is_final = answer.is_final;
        let reply = self.state.lock().replies.remove(&call);
        let Some(mut reply) = reply else { return };
        reply.send(answer);
        if !is_final {
            self.state.lock().replies.insert(call, reply);
        }
    }

    /// Notes that the channel has ended, and tells everyone who waits for a reply.
    fn close(&self, state: &mut State) {
        state.stage = Stage::Closed;
        self.channel.watched.cancel_all();
        for (_, mut reply) in state.replies.drain() {
            let error = Error::unavailable("the server has closed the channel");
            reply.send(Answer { result: Some(Err(error)), is_final: true });
        }
        self.changed.notify_all();
    }
}
