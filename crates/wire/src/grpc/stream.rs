//! `ModelStreamInfer`: any number of requests over one call.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tonic::Status;
use trilith_core::trace::{Event, Trace};
use trilith_core::{Error, Flow};
use trilith_engine::Answer;

use super::call::{Call, Forwarded, Packing};
use super::convert_request::{Converted, convert};
use super::convert_response;
use super::draft::Draft;
use super::exchange::{Exchange, Exchanges, Outgoing, byte_size};
use super::frame::Messages;
use super::pieces::Pieces;
use super::status::{from_error, shutting_down, trailers};
use crate::context::Context;
use crate::shared_memory::Placements;
use crate::shutdown::Shutdown;
use crate::tracing::{Arrival, Sending, noting};

/// Requests of one stream that may be in flight. It bounds what one call can queue in the server's memory;
/// further requests wait in the client, by flow control.
const MAX_IN_FLIGHT: usize = 1024;

type Signal = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The body of the response: it reads requests while it is polled, and withdraws what is in flight when dropped.
pub(super) struct InferStream {
    context: Arc<Context>,
    messages: Messages<Incoming>,
    packing: Packing,
    ends_on_error: bool,
    /// Parameters that the headers of the call make, for each of its requests.
    forwarded: Forwarded,
    exchanges: Exchanges,
    /// Answers with the number of their request; ordinary models send one for each of the requests in flight.
    sender: UnboundedSender<(u64, Answer)>,
    receiver: UnboundedReceiver<(u64, Answer)>,
    stop: Signal,
    deadline: Option<Signal>,
    /// Framed and ready to leave.
    ready: Pieces,
    /// How the call ends once all requests are answered; `None` while further ones may come.
    conclusion: Option<Status>,
    has_ended: bool,
    /// What the call said when it came, and since when a request is waited for; where requests are traced.
    arrival: Option<Box<Arrival>>,
}

impl InferStream {
    /// The answers to the requests that the call brings.
    pub(super) fn new(
        context: Arc<Context>,
        call: Call,
        shutdown: Shutdown,
        arrival: Option<Box<Arrival>>,
    ) -> Self {
        let (sender, receiver) = unbounded_channel();
        let sleep = |timeout: Duration| -> Signal { Box::pin(tokio::time::sleep(timeout)) };
        Self {
            context,
            packing: call.packing(),
            ends_on_error: call.ends_on_error,
            forwarded: call.forwarded,
            deadline: call.timeout.map(sleep),
            messages: call.messages,
            exchanges: Exchanges::default(),
            sender,
            receiver,
            stop: Box::pin(async move { shutdown.wait().await }),
            ready: Pieces::default(),
            conclusion: None,
            has_ended: false,
            arrival,
        }
    }

    /// Ends the call now; what is in flight is withdrawn.
    fn abort(&mut self, status: Status) {
        self.exchanges.clear();
        self.conclusion = Some(status);
    }

    /// Looks whether the time is up or the server stops.
    fn poll_signals(&mut self, context: &mut TaskContext<'_>) {
        if let Some(deadline) = &mut self.deadline
            && deadline.as_mut().poll(context).is_ready()
        {
            self.deadline = None;
            self.abort(Status::deadline_exceeded(
                "the deadline that the client set for the stream has passed",
            ));
        }
        if self.conclusion.is_none() && self.stop.as_mut().poll(context).is_ready() {
            self.conclusion = Some(shutting_down());
        }
    }

    /// Takes answers in; whether there were any.
    fn poll_answers(&mut self, context: &mut TaskContext<'_>) -> bool {
        let received = self.receiver.poll_recv(context);
        let Poll::Ready(Some((number, answer))) = received else { return false };
        let sending = self
            .exchanges
            .trace(number)
            .map(|trace| Sending::begin(trace, (Event::GrpcSendStart, Event::GrpcSendEnd)));
        for outgoing in self.exchanges.accept(number, answer) {
            if let Err(status) = self.emit(outgoing) {
                self.abort(status);
                break;
            }
        }
        drop(sending);
        true
    }

    fn emit(&mut self, outgoing: Outgoing) -> Result<(), Status> {
        let framed = match outgoing {
            Outgoing::Response(response) => convert_response::streamed(&response),
            Outgoing::Failure(error, _) if self.ends_on_error => return Err(from_error(&error)),
            Outgoing::Failure(error, about) => convert_response::streamed_error(&error.full_text(), &about),
        };
        let mut packed = self.packing.pack(framed)?;
        while let Some(piece) = packed.pop() {
            self.ready.push(piece);
        }
        Ok(())
    }

    /// Reads a request; whether anything came.
    fn poll_request(&mut self, context: &mut TaskContext<'_>) -> bool {
        if self.conclusion.is_some() || self.exchanges.len() >= MAX_IN_FLIGHT {
            return false;
        }
        match self.messages.poll_next(context) {
            Poll::Pending => return false,
            Poll::Ready(Ok(Some(message))) => self.begin(message),
            Poll::Ready(Ok(None)) => self.conclusion = Some(Status::ok("")),
            Poll::Ready(Err(status)) => self.abort(status),
        }
        true
    }

    /// Sends a request on its way. One that cannot be read is answered like any other failure: the stream goes on.
    fn begin(&mut self, message: Pieces) {
        let mut exchange = Exchange::default();
        let converted = Draft::read(message).and_then(|draft| {
            exchange.describe(&draft);
            exchange.trace = sample(&self.context, &mut self.arrival, &draft.model);
            let mut converted = convert(draft)?;
            let references = std::mem::take(&mut converted.references);
            let memory = &self.context.shared_memory;
            exchange.placements = Placements::resolve(memory, references, &mut converted.request)?;
            Ok(converted)
        });
        match converted {
            Ok(converted) => self.send(exchange, converted),
            Err(error) => self.refuse(exchange, error),
        }
    }

    fn send(&mut self, mut exchange: Exchange, converted: Converted) {
        let Converted { mut request, wants_empty_final, .. } = converted;
        for (name, value) in &self.forwarded {
            request.parameters.insert(name.as_str(), value.clone());
        }
        let engine = &self.context.engine;
        let model = engine.model(&request.model, request.version);
        exchange.is_decoupled = model.is_ok_and(|model| model.spec().decoupled);
        exchange.wants_empty_final = wants_empty_final;
        // Answers that nobody reads are bounded where the model may give any number of them.
        let flow = exchange.is_decoupled.then(Flow::new);
        exchange.flow.clone_from(&flow);
        request.flow.clone_from(&flow);
        let trace = exchange.trace.clone();
        request.trace.clone_from(&trace);
        let number = self.exchanges.add(exchange);
        let sender = self.sender.clone();
        let reply = move |answer: Answer| {
            if let Some(flow) = &flow {
                flow.note_sent(byte_size(&answer));
            }
            // The stream may be gone; then nobody waits for the answer.
            let _ = sender.send((number, answer));
        };
        self.exchanges.attach(engine.infer(request, noting(Box::new(reply), trace.as_ref())));
    }

    fn refuse(&mut self, exchange: Exchange, error: Error) {
        let number = self.exchanges.add(exchange);
        let answer = Answer { result: Some(Err(error)), is_final: true };
        // The receiver lives as long as the sender: both are fields of this stream.
        let _ = self.sender.send((number, answer));
    }
}

/// A trace for a request of a stream, if it is to be traced; from now on the next one is waited for.
fn sample(context: &Context, arrival: &mut Option<Box<Arrival>>, model: &str) -> Option<Arc<dyn Trace>> {
    if !context.tracing.is_active() {
        return None;
    }
    let now = context.engine.clock().now();
    let arrival = arrival.get_or_insert_with(|| Box::new(Arrival::since(now)));
    let trace = arrival.sample(&context.tracing, model);
    arrival.at = now;
    trace
}

impl Body for InferStream {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        loop {
            if let Some(piece) = self.ready.pop() {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            if self.has_ended {
                return Poll::Ready(None);
            }
            self.poll_signals(context);
            if self.exchanges.len() == 0
                && let Some(status) = &self.conclusion
            {
                let trailers = trailers(status);
                self.has_ended = true;
                return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
            }
            let answered = self.poll_answers(context);
            let asked = self.poll_request(context);
            if !answered && !asked {
                return Poll::Pending;
            }
        }
    }
}
