//! The answers to one request, for somebody who waits for them.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use trilith_core::{Flow, Response, Result};

use crate::reply::{Answer, Reply};
use crate::tray::{Taken, Tray};

/// What there is in a mailbox.
#[derive(Debug)]
pub enum Post {
    /// The next answer.
    Answer(Answer),
    /// Nothing yet.
    Nothing,
    /// The last answer was taken out.
    Ended,
}

/// Receives the answers to one request and keeps them until they are taken out.
#[derive(Clone, Default)]
pub struct Mailbox(Arc<Shared>);

#[derive(Default)]
struct Shared {
    answers: Tray<Answer>,
    flow: Flow,
}

impl Mailbox {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// What the request must carry, so that answers that nobody takes out do not pile up.
    pub fn flow(&self) -> Flow {
        self.0.flow.clone()
    }

    /// The way back to give with the request.
    pub fn reply(&self) -> Box<dyn Reply> {
        Box::new(Sender(Some(Arc::clone(&self.0))))
    }

    /// Takes the next answer out, waiting for it that long at most.
    pub fn receive(&self, limit: Duration) -> Post {
        match self.0.answers.take(limit) {
            Taken::Thing(answer) => {
                self.0.flow.note_read(byte_size(answer.result.as_ref()));
                Post::Answer(answer)
            }
            Taken::Nothing => Post::Nothing,
            Taken::Ended => Post::Ended,
        }
    }

    /// Registers who is woken by the next answer; at once if there is one.
    pub fn set_waker(&self, waker: Waker) {
        self.0.answers.set_waker(waker);
    }

    /// Whether the last answer was taken out.
    pub fn has_ended(&self) -> bool {
        self.0.answers.has_ended()
    }
}

fn byte_size(result: Option<&Result<Response>>) -> usize {
    result.and_then(|result| result.as_ref().ok()).map_or(0, Response::byte_size)
}

/// The way back; absent once the last answer has come.
struct Sender(Option<Arc<Shared>>);

impl Reply for Sender {
    fn send(&mut self, answer: Answer) {
        let is_final = answer.is_final;
        let Some(shared) = &self.0 else { return };
        shared.flow.note_sent(byte_size(answer.result.as_ref()));
        shared.answers.put(answer, is_final);
        if is_final {
            self.0 = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_out_in_order_and_then_there_is_an_end() {
        let mailbox = Mailbox::new();
        let mut reply = mailbox.reply();
        assert!(matches!(mailbox.receive(Duration::ZERO), Post::Nothing));
        reply.send(Answer { result: Some(Ok(Response::default())), is_final: false });
        reply.send(Answer { result: None, is_final: true });
        assert!(matches!(mailbox.receive(Duration::ZERO), Post::Answer(Answer { is_final: false, .. })));
        assert!(!mailbox.has_ended());
        assert!(matches!(mailbox.receive(Duration::ZERO), Post::Answer(Answer { is_final: true, .. })));
        assert!(matches!(mailbox.receive(Duration::ZERO), Post::Ended));
    }
}
