//! The way back to whoever asked.

use std::sync::Arc;

use trilith_core::{Error, Response, Result};

use crate::model::{InFlight, Model};
use crate::schedule::order::{self, Order};

/// One answer on its way to whoever asked.
#[derive(Debug)]
pub struct Answer {
    /// The response or the error; `None` where a stream ends without another response.
    pub result: Option<Result<Response>>,
    /// Whether no answer follows.
    pub is_final: bool,
}

/// Receives the answers to one request: any number that are not final, then exactly one that is.
///
/// Called from whichever thread the answer arises on: it must not block. No lock of the engine is held meanwhile, so
/// that a step of an ensemble can start the next one.
pub trait Reply: Send {
    /// Takes one answer.
    fn send(&mut self, answer: Answer);

    /// Takes note that the request begins to run at a port of its model.
    fn begin(&mut self, port: u64) {
        let _ = port;
    }

    /// Takes note that the model hands the request back to be run again; says whether it does so elsewhere.
    fn hand_back(&mut self) -> bool {
        false
    }
}

impl<F: FnMut(Answer) + Send> Reply for F {
    fn send(&mut self, answer: Answer) {
        self(answer);
    }
}

/// Whoever waits for the answers to one request, counted among the requests in flight until it goes.
pub(crate) struct Recipient {
    reply: Box<dyn Reply>,
    in_flight: InFlight,
}

impl Recipient {
    pub(crate) fn new(reply: Box<dyn Reply>, in_flight: InFlight) -> Self {
        Self { reply, in_flight }
    }

    /// The model that was asked.
    pub(crate) fn model(&self) -> &Arc<Model> {
        self.in_flight.model()
    }

    pub(crate) fn send(&mut self, answer: Answer) {
        self.reply.send(answer);
    }

    pub(crate) fn begin(&mut self, port: u64) {
        self.reply.begin(port);
    }

    fn wrap(&mut self, wrap: impl FnOnce(Box<dyn Reply>) -> Box<dyn Reply>) {
        let reply = std::mem::replace(&mut self.reply, Box::new(|_: Answer| {}));
        self.reply = wrap(reply);
    }

    /// Answers, finally, with an error.
    pub(crate) fn refuse(mut self, error: Error) {
        self.send(Answer { result: Some(Err(error)), is_final: true });
    }
}

impl order::Recipient<Answer> for Recipient {
    fn receive(&mut self, answer: Answer) {
        self.send(answer);
    }

    fn begin(&mut self, port: u64) {
        self.reply.begin(port);
    }
}

/// The order in which one model's answers leave.
pub(crate) type AnswerOrder = Order<Recipient, Answer>;

/// The way to the recipient: straight, or in its turn.
pub(crate) enum Outlet {
    /// Straight.
    Direct(Recipient),
    /// Once all earlier requests were answered.
    Ordered(Arc<AnswerOrder>, u64),
    /// Nothing may follow: the last answer was given.
    Spent,
}

impl Outlet {
    /// Whether the last answer was given.
    pub(crate) fn is_spent(&self) -> bool {
        matches!(self, Self::Spent)
    }

    /// Tells whoever waits that the request begins to run.
    pub(crate) fn begin(&mut self, port: u64) {
        match self {
            Self::Direct(recipient) => recipient.begin(port),
            Self::Ordered(order, number) => order.begin(*number, port),
            Self::Spent => {}
        }
    }

    /// Puts something in the way of the answers. Comes before the request gets in line.
    pub(crate) fn wrap(&mut self, wrap: impl FnOnce(Box<dyn Reply>) -> Box<dyn Reply>) {
        if let Self::Direct(recipient) = self {
            recipient.wrap(wrap);
        }
    }

    /// Takes out whoever waits, who is answered elsewhere from here on; nobody where that is not straight.
    pub(crate) fn take_recipient(&mut self) -> Option<Recipient> {
        match std::mem::replace(self, Self::Spent) {
            Self::Direct(recipient) => Some(recipient),
            other => {
                *self = other;
                None
            }
        }
    }

    /// Gets in line, where the model keeps order.
    pub(crate) fn enter(&mut self, order: &Arc<AnswerOrder>) {
        *self = match std::mem::replace(self, Self::Spent) {
            Self::Direct(recipient) => Self::Ordered(Arc::clone(order), order.enter(recipient)),
            other => other,
        };
    }

    /// Gives an answer that is not the last.
    pub(crate) fn send(&mut self, result: Result<Response>) {
        let answer = Answer { result: Some(result), is_final: false };
        match self {
            Self::Direct(recipient) => recipient.send(answer),
            Self::Ordered(order, number) => order.send(*number, answer, false),
            Self::Spent => {}
        }
    }

    /// Hands the request back where it came from another process; says whether it did.
    pub(crate) fn hand_back(&mut self) -> bool {
        let handed = if let Self::Direct(recipient) = self { recipient.reply.hand_back() } else { false };
        if handed {
            *self = Self::Spent;
        }
        handed
    }

    /// Gives the last answer; what comes after it is dropped.
    pub(crate) fn finish(&mut self, result: Option<Result<Response>>) {
        let answer = Answer { result, is_final: true };
        match std::mem::replace(self, Self::Spent) {
            Self::Direct(mut recipient) => recipient.send(answer),
            Self::Ordered(order, number) => order.send(number, answer, true),
            Self::Spent => {}
        }
    }
}
