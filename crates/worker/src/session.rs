//! What the server and one worker say to each other, in both directions at once.

use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep};
use trilith_core::{Error, Request, Response};
use trilith_engine::{Answer, Attendance, Batch, Engine, Origin, Ticket, Vigil};

use crate::arena::{Inbox, Outbox};
use crate::desk::{Change, Desk, decode_given};
use crate::feed::Feed;
use crate::frame;
use crate::link::{Ended, Service, Stop};
use crate::message::{RequestMessage, ToServer, ToWorker};
use crate::opened::OpenedBatches;
use crate::socket::Socket;
use crate::transcode::{
    Joined, Returned, decode_request, decode_returned, encode_answer, encode_request, join,
};

/// How often requests that take long are looked at: whether somebody still waits for them, and reads their answers.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// The conversation with one worker.
pub(crate) struct Session {
    socket: Socket,
    outbox: Outbox,
    inbox: Inbox,
    feed: Feed,
    engine: std::sync::Arc<Engine>,
    stop: Pin<Box<dyn Future<Output = ()> + Send>>,
    is_stopping: bool,
    /// Whether the worker was told that no other batch comes.
    is_finishing: bool,
    received: BytesMut,
    /// Messages that were not yet written.
    outgoing: BytesMut,
    message: Vec<u8>,
    last_batch: u64,
    /// The batch that the worker runs; it takes no other meanwhile.
    running: Option<Running>,
    vigil: Vigil,
    opened: OpenedBatches,
    look: Pin<Box<Sleep>>,
    calls: Calls,
    desk: Desk,
    said: Option<oneshot::Sender<String>>,
}

/// The batch that the worker runs.
#[derive(Clone, Copy)]
struct Running {
    batch: u64,
    /// Whether nobody has looked for its answer yet.
    is_new: bool,
    /// Whether the model has returned from it.
    has_returned: bool,
}

/// Requests that the worker's model made of others.
struct Calls {
    tickets: HashMap<u64, Ticket>,
    sender: UnboundedSender<(u64, Answer)>,
    answers: UnboundedReceiver<(u64, Answer)>,
}

impl Session {
    pub(crate) fn new(
        socket: Socket,
        (outbox, inbox): (Outbox, Inbox),
        service: Service,
        stop: Stop,
    ) -> Self {
        let (sender, answers) = unbounded_channel();
        Self {
            socket,
            outbox,
            inbox,
            feed: Feed::new((service.model, service.reservation), service.beginning.begin, service.clock),
            desk: Desk::new(service.engine.metrics(), service.keepsakes, service.control),
            said: Some(service.beginning.said),
            engine: service.engine,
            stop: Box::pin(stop.wait()),
            is_stopping: false,
            is_finishing: false,
            received: BytesMut::new(),
            outgoing: BytesMut::new(),
            message: Vec::new(),
            last_batch: 0,
            running: None,
            vigil: Vigil::default(),
            opened: OpenedBatches::default(),
            look: Box::pin(tokio::time::sleep(LOOK_INTERVAL)),
            calls: Calls { tickets: HashMap::new(), sender, answers },
        }
    }

    /// Goes on until the conversation ends.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Ended> {
        match self.go_on(context) {
            Ok(()) => Poll::Pending,
            // It was told to end.
            Err(_) if self.is_finishing => Poll::Ready(Ended::Stopped),
            Err(error) => Poll::Ready(Ended::Lost(error.to_string())),
        }
    }

    /// Does everything that can be done now.
    fn go_on(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        loop {
            self.step(context)?;
            if !self.watch() {
                return Ok(());
            }
        }
    }

    fn step(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if !self.is_stopping && self.stop.as_mut().poll(context).is_ready() {
            self.is_stopping = true;
        }
        // Reading first: what was answered makes room for the next batch. The order matters for nothing else.
        self.read(context)?;
        while let Poll::Ready(Some((call, answer))) = self.calls.answers.poll_recv(context) {
            self.reply(call, answer)?;
        }
        if self.running.is_none()
            && !self.is_stopping
            && let Poll::Ready(next) = self.feed.poll_next(context)
        {
            match next {
                Some(batch) => self.give(batch)?,
                None => self.is_stopping = true,
            }
        }
        self.look_around(context)?;
        if self.is_stopping && !self.is_finishing && self.running.is_none() && self.opened.is_empty() {
            self.is_finishing = true;
            self.feed.close();
            self.say(&ToWorker::Finish)?;
        }
        self.write(context)
    }

    /// Looks for the answer to the batch just given for a moment, where the event loop waits for nothing else; whether
    /// something came.
    fn watch(&mut self) -> bool {
        self.running.as_mut().is_some_and(|running| std::mem::take(&mut running.is_new))
            && Attendance::is_single()
            && !self.outgoing.has_remaining()
            && self.vigil.keep(|| self.socket.look(&mut self.received)).is_some()
    }

    /// Fails what is left and withdraws what the worker asked of others.
    pub(crate) fn give_up(&mut self, ended: &Ended) {
        for (_, ticket) in self.calls.tickets.drain() {
            ticket.cancel();
        }
        if let Ended::Lost(how) = ended {
            let error = self.lost(how);
            self.opened.fail(&error);
            self.desk.keep();
        }
    }

    fn lost(&self, how: &str) -> Error {
        let signature = &self.feed.model.spec().signature;
        Error::model(format!(
            "the worker process of model '{}' version {} ended while it ran this request ({how})",
            signature.model, signature.version
        ))
        .with_hint("it is being started again; the server's log says how it ended")
    }

    fn read(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        loop {
            while let Some(message) = frame::take(&mut self.received)? {
                self.accept(&message)?;
            }
            match self.socket.poll_read(context, &mut self.received) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(0)) => {
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "its end of the channel closed",
                    ));
                }
                Poll::Ready(result) => result.map(drop)?,
            }
        }
    }

    fn write(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        while self.outgoing.has_remaining() {
            match self.socket.poll_write(context, &self.outgoing) {
                Poll::Pending => return Ok(()),
                Poll::Ready(result) => self.outgoing.advance(result?),
            }
        }
        Ok(())
    }

    /// Gives the worker a batch to run.
    fn give(&mut self, mut batch: Box<Batch>) -> io::Result<()> {
        self.last_batch += 1;
        let id = self.last_batch;
        if let Err(error) = self.encode_batch(id, &batch) {
            batch.fail(&self.lost(&error.to_string()));
            return Err(error);
        }
        batch.mark_inputs_ready();
        self.opened.add(id, batch);
        self.running = Some(Running { batch: id, is_new: true, has_returned: false });
        Ok(())
    }

    fn encode_batch(&mut self, id: u64, batch: &Batch) -> io::Result<()> {
        let inputs = batch.jobs().iter().flat_map(|job| job.request().inputs.iter());
        let joined: Joined = join(inputs);
        let mut pieces = joined.iter();
        let requests = batch
            .jobs()
            .iter()
            .map(|job| encode_request(job.request(), &mut pieces, &mut self.outbox))
            .collect::<io::Result<_>>()?;
        let is_single = Attendance::is_single();
        self.say(&ToWorker::Batch { id, freed: self.inbox.freed(), requests, is_single })
    }

    fn say(&mut self, message: &ToWorker<'_>) -> io::Result<()> {
        frame::encode(message, &mut self.message)?;
        self.outgoing.extend_from_slice(&self.message);
        Ok(())
    }

    /// Takes in a message of the worker's.
    fn accept(&mut self, frame: &Bytes) -> io::Result<()> {
        let message =
            postcard::from_bytes(frame).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        match message {
            ToServer::Answers { batch, freed, answers } => {
                self.outbox.take_back(&freed);
                let mut jobs = self.opened.take(batch).ok_or_else(not_running)?;
                for (index, answer) in answers {
                    if let Some(job) = jobs.get_mut(index as usize).and_then(Option::take) {
                        match decode_returned(answer, frame, &self.inbox)? {
                            Returned::Answered(result) => job.settle(result),
                            Returned::HandedBack => job.hand_back(),
                        }
                    }
                }
                self.note_return(batch);
            }
            ToServer::Answer { batch, index, freed, answer, is_final } => {
                self.outbox.take_back(&freed);
                if !self.opened.contains(batch) {
                    return Err(not_running());
                }
                let answer = answer.map(|answer| decode_returned(answer, frame, &self.inbox)).transpose()?;
                self.opened.answer((batch, index), answer, is_final);
                self.end_run();
            }
            ToServer::Returned { batch } => self.note_return(batch),
            ToServer::Call { call, freed, is_waited_for, takes_many, model, version, request } => {
                self.outbox.take_back(&freed);
                let request = self.decode_call((model, version), request, frame)?;
                let seat = self.feed.seat().filter(|_| is_waited_for);
                let batch = self.running.map(|running| running.batch).filter(|_| is_waited_for);
                let sake = Origin::for_sake_of(self.opened.cancellations(batch));
                self.call(call, Origin { seat, takes_many, sake }, request);
            }
            ToServer::CancelCall { call } => {
                if let Some(ticket) = self.calls.tickets.get(&call) {
                    ticket.cancel();
                }
            }
            ToServer::IsReady { call, model, version } => {
                self.ask_ready(call, model.to_owned(), version);
            }
            ToServer::Loaded(said) => {
                if let Some(listener) = self.said.take() {
                    // Who started the worker may have given it up.
                    let _ = listener.send(said.to_owned());
                }
            }
            ToServer::Metric(message) => {
                if let Some((call, result)) = self.desk.accept(message) {
                    self.reply(call, Answer { result: Some(result), is_final: true })?;
                }
            }
            ToServer::Change { call, kind, model, parameters } => {
                let parameters = decode_given(parameters, frame);
                self.change(call, Change::new(kind, model, parameters));
            }
        }
        Ok(())
    }

    /// Asks whether a model takes requests; the worker is told when that is known.
    fn ask_ready(&self, call: u64, model: String, version: Option<i64>) {
        let (engine, sender) = (std::sync::Arc::clone(&self.engine), self.calls.sender.clone());
        tokio::spawn(async move {
            let result = engine.ask_model(&model, version).await.map(|()| Response::default());
            // The session may be over; then nobody waits for the answer.
            let _ = sender.send((call, Answer { result: Some(result), is_final: true }));
        });
    }

    /// Has a model loaded or unloaded; the worker is told when that is done.
    fn change(&self, call: u64, change: Change) {
        let sender = self.calls.sender.clone();
        let asker = self.feed.model.address().to_string();
        let done = move |result: trilith_core::Result<()>| {
            let result = Some(result.map(|()| Response::default()));
            // The session may be over; then nobody waits for the answer.
            let _ = sender.send((call, Answer { result, is_final: true }));
        };
        self.desk.change(change.asked_by(asker, self.feed.is_loading()), Box::new(done));
    }

    fn note_return(&mut self, batch: u64) {
        if let Some(running) = self.running.as_mut().filter(|running| running.batch == batch) {
            running.has_returned = true;
        }
        self.end_run();
    }

    /// Makes room for the next batch once the model has returned from the one that runs. Requests of a sequence wait,
    /// in addition, for the answers to those before them, unless the model answers when it likes.
    fn end_run(&mut self) {
        let Some(Running { batch, has_returned: true, .. }) = self.running else { return };
        let spec = self.feed.model.spec();
        if spec.sequence.is_none() || spec.decoupled || !self.opened.contains(batch) {
            self.running = None;
        }
    }

    fn decode_call(
        &self,
        (model, version): (&str, Option<i64>),
        request: RequestMessage<'_>,
        frame: &Bytes,
    ) -> io::Result<Request> {
        let request = decode_request(request, frame, &self.inbox)?;
        // A request that was answered meanwhile has no trace left to be continued.
        let trace = request.trace.as_ref().and_then(|named| self.opened.trace(named.id()));
        // What waits for the caller waits in the caller's process.
        Ok(Request { model: model.to_owned(), version, flow: None, trace, ..request })
    }

    /// Sends a request of the worker's model on its way.
    fn call(&mut self, call: u64, origin: Origin, request: Request) {
        let sender = self.calls.sender.clone();
        let reply = move |answer| {
            // The session may be over; then nobody waits for the answer.
            let _ = sender.send((call, answer));
        };
        let ticket = self.engine.infer_from(origin, request, Box::new(reply));
        self.calls.tickets.insert(call, ticket);
    }

    /// Hands the worker an answer to what it asked.
    fn reply(&mut self, call: u64, answer: Answer) -> io::Result<()> {
        let Answer { result, is_final } = answer;
        // Advice travels as part of the message.
        let result = result.map(|result| {
            result.map_err(|error| Error { message: error.full_text().into_owned().into(), ..error })
        });
        if is_final {
            self.calls.tickets.remove(&call);
        }
        let outputs =
            result.as_ref().and_then(|result| result.as_ref().ok()).map(|response| &response.outputs);
        let joined: Joined = join(outputs.into_iter().flatten());
        let mut pieces = joined.iter();
        let encoded = result.as_ref().map(|answer| encode_answer(answer, &mut pieces, &mut self.outbox));
        let answer = encoded.transpose()?;
        self.say(&ToWorker::Reply { call, freed: self.inbox.freed(), answer, is_final })
    }

    /// From time to time, as long as the worker has requests, tells it what has become of them meanwhile.
    fn look_around(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if self.opened.is_empty() && self.calls.tickets.is_empty() {
            return Ok(());
        }
        while self.look.as_mut().poll(context).is_ready() {
            for news in self.opened.news() {
                self.say(&news)?;
            }
            let freed = self.inbox.freed();
            if !freed.is_empty() {
                self.say(&ToWorker::Freed(freed))?;
            }
            self.look.as_mut().reset(Instant::now() + LOOK_INTERVAL);
        }
        Ok(())
    }
}

fn not_running() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it answered a batch that is not running")
}
