//! Lets answers leave in the order in which their requests began to run.

use std::collections::VecDeque;

use parking_lot::Mutex;

use crate::reply::{Answer, Recipient};

/// One request between its beginning and its last answer.
struct Slot<R, A> {
    /// Absent while its answers are on their way.
    recipient: Option<R>,
    held: Vec<A>,
    ended: bool,
}

/// The pure part: slots in order, and who may go.
struct Line<R, A> {
    /// Number of the slot in front.
    first: u64,
    slots: VecDeque<Slot<R, A>>,
    /// Whether somebody is sending; answers that come meanwhile are sent by the same one, so that none overtakes.
    sending: bool,
}

impl<R, A> Line<R, A> {
    fn enter(&mut self, recipient: R) -> u64 {
        self.slots.push_back(Slot { recipient: Some(recipient), held: Vec::new(), ended: false });
        self.first + self.slots.len() as u64 - 1
    }

    fn slot(&mut self, number: u64) -> Option<&mut Slot<R, A>> {
        let position = number.checked_sub(self.first)? as usize;
        self.slots.get_mut(position)
    }

    fn hold(&mut self, number: u64, answer: A, ended: bool) {
        if let Some(slot) = self.slot(number) {
            slot.held.push(answer);
            slot.ended = ended;
        }
    }

    /// What may be sent now: answers of the slot in front, with its recipient.
    fn take_front(&mut self) -> Option<(R, Vec<A>, bool)> {
        let front = self.slots.front_mut().filter(|slot| !slot.held.is_empty())?;
        let recipient = front.recipient.take()?;
        let held = std::mem::take(&mut front.held);
        let ended = front.ended;
        if ended {
            self.slots.pop_front();
            self.first += 1;
        }
        Some((recipient, held, ended))
    }

    /// Puts the recipient of a slot that goes on back in front.
    fn put_back(&mut self, recipient: R) {
        if let Some(front) = self.slots.front_mut() {
            front.recipient = Some(recipient);
        }
    }
}

/// Keeps the order of one model's answers.
pub(crate) struct Order {
    line: Mutex<Line<Recipient, Answer>>,
}

impl Order {
    pub(crate) fn new() -> Self {
        Self { line: Mutex::new(Line { first: 0, slots: VecDeque::new(), sending: false }) }
    }

    /// Takes the next place; gives its number.
    pub(crate) fn enter(&self, recipient: Recipient) -> u64 {
        self.line.lock().enter(recipient)
    }

    /// Tells the recipient that its request begins to run. It has no answer yet, so that nobody else looks for it.
    pub(crate) fn begin(&self, number: u64, port: u64) {
        let recipient = self.line.lock().slot(number).and_then(|slot| slot.recipient.take());
        let Some(mut recipient) = recipient else { return };
        recipient.begin(port);
        if let Some(slot) = self.line.lock().slot(number) {
            slot.recipient = Some(recipient);
        }
    }

    /// Sends an answer once all earlier requests have ended. No lock is held while a recipient is called.
    pub(crate) fn send(&self, number: u64, answer: Answer) {
        let mut line = self.line.lock();
        let ended = answer.is_final;
        line.hold(number, answer, ended);
        if std::mem::replace(&mut line.sending, true) {
            return;
        }
        drop(line);
        let sending = Sending(self);
        while sending.send_front() {}
    }
}

/// The right to send, given back even if a recipient panics.
struct Sending<'a>(&'a Order);

impl Sending<'_> {
    fn send_front(&self) -> bool {
        let mut line = self.0.line.lock();
        let Some((mut recipient, answers, ended)) = line.take_front() else {
            // Under the same lock that found nothing, so that no answer falls between.
            line.sending = false;
            return false;
        };
        drop(line);
        for answer in answers {
            recipient.send(answer);
        }
        if !ended {
            self.0.line.lock().put_back(recipient);
        }
        true
    }
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.line.lock().sending = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn answers_of_a_stream_leave_in_order_and_later_requests_wait_for_its_end() {
        let mut line = Line { first: 0, slots: VecDeque::new(), sending: false };
        let (first, second) = (line.enter("a"), line.enter("b"));
        line.hold(second, 1, true);
        assert!(line.take_front().is_none());
        line.hold(first, 2, false);
        assert_eq!(line.take_front(), Some(("a", vec![2], false)));
        line.put_back("a");
        assert!(line.take_front().is_none());
        line.hold(first, 3, true);
        assert_eq!(line.take_front(), Some(("a", vec![3], true)));
        assert_eq!(line.take_front(), Some(("b", vec![1], true)));
        assert!(line.take_front().is_none());
    }

    proptest! {
        /// Whatever the order in which requests end, their answers leave in the order in which they entered.
        #[test]
        fn answers_leave_in_order(order in Just((0..20_u64).collect::<Vec<_>>()).prop_shuffle()) {
            let mut line = Line { first: 0, slots: VecDeque::new(), sending: false };
            let numbers: Vec<u64> = (0..20).map(|recipient| line.enter(recipient)).collect();
            let mut left = Vec::new();
            for number in order {
                line.hold(numbers[number as usize], (), true);
                while let Some((recipient, _, _)) = line.take_front() {
                    left.push(recipient);
                }
            }
            prop_assert_eq!(left, (0..20).collect::<Vec<_>>());
        }
    }
}
