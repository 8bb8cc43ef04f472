//! The requests of one stream that are in flight, and the order in which their answers leave.
//!
//! Answers of ordinary models leave in the order in which their requests came, as clients that match
//! them by position expect; answers of decoupled models leave as they arise.

use std::collections::VecDeque;
use std::sync::Arc;

use trilith_core::trace::Trace;
use trilith_core::{Error, Flow, Parameter, Response};
use trilith_engine::{Answer, Ticket};

use super::draft::Draft;
use crate::awaited::Withdrawal;
use crate::shared_memory::Placements;

/// Tells, in every streamed response, whether another one follows for the same request.
const FINAL_RESPONSE: &str = "triton_final_response";

/// Bytes of the tensors of an answer.
pub(super) fn byte_size(answer: &Answer) -> usize {
    answer.result.as_ref().and_then(|result| result.as_ref().ok()).map_or(0, Response::byte_size)
}

/// A message that is to leave.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// A response, maybe an empty one.
    Response(Response),
    /// A failure, and which request it belongs to.
    Failure(Error, Response),
}

/// One request and those of its answers that wait for their turn.
#[derive(Default)]
pub(super) struct Exchange {
    number: u64,
    withdrawal: Withdrawal,
    /// What an answer without a response says: the names that the client gave.
    about: Response,
    pub(super) is_decoupled: bool,
    pub(super) wants_empty_final: bool,
    pub(super) placements: Placements,
    /// Told what leaves, where answers that nobody reads are bounded.
    pub(super) flow: Option<Flow>,
    /// Who notes what becomes of it, where it is traced.
    pub(super) trace: Option<Arc<dyn Trace>>,
    held: Vec<Answer>,
    is_done: bool,
}

impl Exchange {
    /// Notes what an answer without a response will say.
    pub(super) fn describe(&mut self, draft: &Draft) {
        self.about.id.clone_from(&draft.id);
        self.about.model.clone_from(&draft.model);
        self.about.version = draft.version.parse().unwrap_or_default();
    }

    fn translate(&self, answer: Answer) -> Option<Outgoing> {
        let mark = |mut response: Response| {
            response.parameters.insert(FINAL_RESPONSE, Parameter::Bool(answer.is_final));
            response
        };
        match answer.result {
            Some(Ok(mut response)) => Some(match self.placements.settle(&mut response) {
                Ok(()) => Outgoing::Response(mark(response)),
                Err(error) => Outgoing::Failure(error, mark(self.about.clone())),
            }),
            Some(Err(error)) => Some(Outgoing::Failure(error, mark(self.about.clone()))),
            None if answer.is_final && self.is_decoupled && self.wants_empty_final => {
                Some(Outgoing::Response(mark(self.about.clone())))
            }
            None => None,
        }
    }
}

/// All requests of a stream that are in flight, in the order in which they came.
#[derive(Default)]
pub(super) struct Exchanges {
    queue: VecDeque<Exchange>,
    next: u64,
}

impl Exchanges {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Adds a request; answers name it by the number returned.
    pub(super) fn add(&mut self, mut exchange: Exchange) -> u64 {
        exchange.number = self.next;
        self.next += 1;
        let number = exchange.number;
        self.queue.push_back(exchange);
        number
    }

    /// Makes the latest request withdraw itself when it is dropped unanswered.
    pub(super) fn attach(&mut self, ticket: Ticket) {
        if let Some(exchange) = self.queue.back_mut() {
            exchange.withdrawal = Withdrawal::of(ticket);
        }
    }

    /// The trace of a request that is in flight.
    pub(super) fn trace(&self, number: u64) -> Option<Arc<dyn Trace>> {
        let index = self.queue.binary_search_by_key(&number, |exchange| exchange.number).ok()?;
        self.queue[index].trace.clone()
    }

    /// Withdraws all requests.
    pub(super) fn clear(&mut self) {
        self.queue.clear();
    }

    /// Takes an answer and returns what may leave now.
    pub(super) fn accept(&mut self, number: u64, answer: Answer) -> Vec<Outgoing> {
        let Ok(index) = self.queue.binary_search_by_key(&number, |exchange| exchange.number) else {
            return Vec::new();
        };
        let exchange = &mut self.queue[index];
        if let Some(flow) = &exchange.flow {
            flow.note_read(byte_size(&answer));
        }
        if answer.is_final {
            exchange.is_done = true;
            exchange.withdrawal.forget();
        }
        if !exchange.is_decoupled {
            exchange.held.push(answer);
            return self.release();
        }
        let outgoing = exchange.translate(answer);
        if exchange.is_done {
            self.queue.remove(index);
        }
        outgoing.into_iter().collect()
    }

    /// Everything that waits behind nothing but answered requests.
    fn release(&mut self) -> Vec<Outgoing> {
        let mut outgoing = Vec::new();
        while let Some(index) = self.queue.iter().position(|exchange| !exchange.is_decoupled)
            && self.queue[index].is_done
            && let Some(mut exchange) = self.queue.remove(index)
        {
            let held = std::mem::take(&mut exchange.held);
            outgoing.extend(held.into_iter().filter_map(|answer| exchange.translate(answer)));
        }
        outgoing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(id: &str, is_final: bool) -> Answer {
        Answer { result: Some(Ok(Response { id: id.into(), ..Response::default() })), is_final }
    }

    fn ids(outgoing: Vec<Outgoing>) -> Vec<String> {
        outgoing
            .into_iter()
            .map(|outgoing| match outgoing {
                Outgoing::Response(response) | Outgoing::Failure(_, response) => response.id,
            })
            .collect()
    }

    fn exchange(is_decoupled: bool, wants_empty_final: bool) -> Exchange {
        let mut exchange = Exchange { is_decoupled, wants_empty_final, ..Exchange::default() };
        exchange.describe(&Draft { id: "asked".into(), ..Draft::default() });
        exchange
    }

    #[test]
    fn ordinary_answers_keep_the_order_of_their_requests() {
        let mut exchanges = Exchanges::default();
        let numbers: Vec<_> = (0..3).map(|_| exchanges.add(exchange(false, false))).collect();
        assert!(exchanges.accept(numbers[2], answer("c", true)).is_empty());
        assert_eq!(ids(exchanges.accept(numbers[0], answer("a", true))), ["a"]);
        assert_eq!(ids(exchanges.accept(numbers[1], answer("b", true))), ["b", "c"]);
        assert_eq!(exchanges.len(), 0);
    }

    #[test]
    fn decoupled_answers_pass_ordinary_ones() {
        let mut exchanges = Exchanges::default();
        let ordinary = exchanges.add(exchange(false, false));
        let decoupled = exchanges.add(exchange(true, false));
        assert_eq!(ids(exchanges.accept(decoupled, answer("1", false))), ["1"]);
        assert_eq!(ids(exchanges.accept(decoupled, answer("2", true))), ["2"]);
        assert_eq!(ids(exchanges.accept(ordinary, answer("a", true))), ["a"]);
    }

    #[test]
    fn an_empty_end_is_told_only_to_those_who_ask() {
        let end = || Answer { result: None, is_final: true };
        for (wants, expected) in [(true, vec!["asked"]), (false, vec![])] {
            let mut exchanges = Exchanges::default();
            let number = exchanges.add(exchange(true, wants));
            assert_eq!(ids(exchanges.accept(number, end())), expected);
            assert_eq!(exchanges.len(), 0);
        }
    }

    #[test]
    fn a_failure_says_whose_it_is() {
        let mut exchanges = Exchanges::default();
        let number = exchanges.add(exchange(false, false));
        let failure = Answer { result: Some(Err(Error::invalid("no"))), is_final: true };
        assert_eq!(ids(exchanges.accept(number, failure)), ["asked"]);
    }
}
