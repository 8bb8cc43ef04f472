//! What the worker says to the server: the answers to its batches, and requests to other models.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use parking_lot::Mutex;
use trilith_core::{Error, Flow, Request};
use trilith_engine::{Answer, Reply};

use crate::arena::{Inbox, Outbox};
use crate::frame;
use crate::message::ToServer;
use crate::transcode::{Joined, Returned, encode_request, encode_returned, join};
use crate::watched::WatchedRequests;

/// How a request to another model is made.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Whether the batch that runs waits for the answer.
    pub is_waited_for: bool,
    /// Whether the caller takes any number of answers.
    pub takes_many: bool,
}

/// The way to the server.
pub(crate) struct Channel {
    /// The process that may speak: a copy of it, which a model has made by forking, has the same batches and ends.
    owner: u32,
    pub(crate) stream: UnixStream,
    pub(crate) inbox: Inbox,
    pub(crate) watched: WatchedRequests,
    sender: Mutex<Sender>,
}

struct Sender {
    outbox: Outbox,
    message: Vec<u8>,
}

impl Channel {
    pub(crate) fn new(stream: UnixStream, inbox: Inbox, outbox: Outbox) -> Self {
        let watched = WatchedRequests::default();
        Self {
            owner: std::process::id(),
            stream,
            inbox,
            watched,
            sender: Mutex::new(Sender { outbox, message: Vec::new() }),
        }
    }

    /// Takes back ranges of memory that the server has let go.
    pub(crate) fn take_back(&self, freed: &[u64]) {
        if !freed.is_empty() {
            self.sender.lock().outbox.take_back(freed);
        }
    }

    /// Sends a request to another model.
    pub(crate) fn send_call(&self, call: u64, request: &Request, manner: Manner) -> io::Result<()> {
        let mut sender = self.sender.lock();
        let sender = &mut *sender;
        let joined: Joined = join(request.inputs.iter());
        let encoded = encode_request(request, &mut joined.iter(), &mut sender.outbox)?;
        let message = ToServer::Call {
            call,
            freed: self.inbox.freed(),
            is_waited_for: manner.is_waited_for,
            takes_many: manner.takes_many,
            model: &request.model,
            version: request.version,
            request: encoded,
        };
        frame::encode(&message, &mut sender.message)?;
        self.write(sender);
        Ok(())
    }

    pub(crate) fn send_cancel(&self, call: u64) {
        self.send_small(&ToServer::CancelCall { call });
    }

    fn send_small(&self, message: &ToServer<'_>) {
        // Numbers and names can always be encoded.
        let _ = self.send_plain(message);
    }

    /// Sends a message without tensors.
    pub(crate) fn send_plain(&self, message: &ToServer<'_>) -> io::Result<()> {
        let mut sender = self.sender.lock();
        frame::encode(message, &mut sender.message)?;
        self.write(&sender);
        Ok(())
    }

    fn write(&self, sender: &Sender) {
        if std::process::id() != self.owner {
            return;
        }
        // A server that is gone is noticed by the next read, which ends the worker.
        let _ = (&self.stream).write_all(&sender.message);
    }
}

impl Sender {
    fn encode_all(&mut self, batch: u64, freed: &[u64], answers: &[(u32, Returned)]) -> io::Result<()> {
        let outputs = answers.iter().filter_map(|(_, answer)| answer.response());
        let joined: Joined = join(outputs.flat_map(|response| response.outputs.iter()));
        let mut pieces = joined.iter();
        let answers = answers
            .iter()
            .map(|(index, answer)| Ok((*index, encode_returned(answer, &mut pieces, &mut self.outbox)?)))
            .collect::<io::Result<_>>()?;
        frame::encode(&ToServer::Answers { batch, freed: freed.to_vec(), answers }, &mut self.message)
    }

    fn encode_one(&mut self, (batch, index): (u64, u32), freed: &[u64], one: &One) -> io::Result<()> {
        let returned = one.returned.as_ref();
        let response = returned.and_then(Returned::response);
        let joined: Joined = join(response.into_iter().flat_map(|response| response.outputs.iter()));
        let mut pieces = joined.iter();
        let answer = returned.map(|one| encode_returned(one, &mut pieces, &mut self.outbox)).transpose()?;
        let freed = freed.to_vec();
        let message = ToServer::Answer { batch, index, freed, answer, is_final: one.is_final };
        frame::encode(&message, &mut self.message)
    }
}

/// What is said of one request at a time.
struct One {
    /// `None` where the answers end without another one.
    returned: Option<Returned>,
    is_final: bool,
}

/// The answers to one batch: collected and sent together, or one by one.
pub(crate) struct Answers {
    channel: Arc<Channel>,
    batch: u64,
    count: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    one_by_one: bool,
    has_returned: bool,
    /// Requests that had their last answer.
    ended: usize,
    collected: Vec<(u32, Returned)>,
}

impl Answers {
    pub(crate) fn new(channel: &Arc<Channel>, batch: u64, count: usize, one_by_one: bool) -> Self {
        let collected = Vec::with_capacity(if one_by_one { 0 } else { count });
        let state = Mutex::new(State { one_by_one, collected, ..State::default() });
        Self { channel: Arc::clone(channel), batch, count, state }
    }

    /// The way back of one request.
    pub(crate) fn reply(this: &Arc<Self>, index: u32, request: &Request) -> Box<dyn Reply> {
        Box::new(ReplyTo { answers: Arc::clone(this), index, flow: request.flow.clone() })
    }

    pub(crate) fn answer_one_by_one(&self) {
        let mut state = self.state.lock();
        state.one_by_one = true;
        for (index, returned) in std::mem::take(&mut state.collected) {
            self.transmit_one(index, &One { returned: Some(returned), is_final: true });
        }
    }

    pub(crate) fn returned(&self) {
        let mut state = self.state.lock();
        if state.one_by_one && !std::mem::replace(&mut state.has_returned, true) {
            self.channel.send_small(&ToServer::Returned { batch: self.batch });
        }
    }

    fn accept(&self, index: u32, one: One) {
        let mut state = self.state.lock();
        state.ended += usize::from(one.is_final);
        if state.ended == self.count {
            self.channel.watched.remove(self.batch);
        }
        if state.one_by_one {
            drop(state);
            return self.transmit_one(index, &one);
        }
        let nothing =
            || Returned::Answered(Err(Error::internal("the model ended a request without an answer")));
        state.collected.push((index, one.returned.unwrap_or_else(nothing)));
        if state.ended == self.count {
            self.transmit_all(&std::mem::take(&mut state.collected));
        }
    }

    fn transmit_all(&self, collected: &[(u32, Returned)]) {
        let mut sender = self.channel.sender.lock();
        let freed = self.channel.inbox.freed();
        if let Err(error) = sender.encode_all(self.batch, &freed, collected) {
            // Outputs that cannot be sent must not leave their clients waiting.
            let error = unsendable(&error);
            let failed = |(index, _): &(u32, _)| (*index, Returned::Answered(Err(error.clone())));
            let answers: Vec<_> = collected.iter().map(failed).collect();
            if sender.encode_all(self.batch, &freed, &answers).is_err() {
                return;
            }
        }
        self.channel.write(&sender);
    }

    fn transmit_one(&self, index: u32, one: &One) {
        let mut sender = self.channel.sender.lock();
        let freed = self.channel.inbox.freed();
        let place = (self.batch, index);
        if let Err(error) = sender.encode_one(place, &freed, one) {
            let returned = Some(Returned::Answered(Err(unsendable(&error))));
            if sender.encode_one(place, &freed, &One { returned, is_final: one.is_final }).is_err() {
                return;
            }
        }
        self.channel.write(&sender);
    }
}

fn unsendable(error: &io::Error) -> Error {
    Error::model(format!("the outputs cannot be handed to the server: {error}"))
}

struct ReplyTo {
    answers: Arc<Answers>,
    index: u32,
    flow: Option<Flow>,
}

impl Reply for ReplyTo {
    fn send(&mut self, answer: Answer) {
        if let (Some(flow), Some(Ok(response))) = (&self.flow, &answer.result) {
            flow.note_sent(response.byte_size());
        }
        let returned = answer.result.map(Returned::Answered);
        self.answers.accept(self.index, One { returned, is_final: answer.is_final });
    }

    fn hand_back(&mut self) -> bool {
        self.answers.accept(self.index, One { returned: Some(Returned::HandedBack), is_final: true });
        true
    }
}
