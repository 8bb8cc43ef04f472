//! What schedules a model's requests: one queue, or a table of sequences.

use std::task::Waker;

use crate::clock::Nanos;
use crate::schedule::SchedulerSpec;
use crate::schedule::dispatch::{Dispatch, Refusal, Step};
use crate::schedule::queue::{Leavers, Place};
use crate::schedule::sequence::table::Sequences;
use crate::schedule::sequence::{SequenceRules, Sequential, Wakers};

/// The state of one model's scheduling; answers nobody and wakes nobody itself.
pub(crate) enum Scheduler<T> {
    /// Requests know nothing of each other.
    Queue(Box<Dispatch<T>>),
    /// Requests belong to sequences.
    Sequences(Box<Sequences<T>>),
}

impl<T: Sequential> Scheduler<T> {
    pub(crate) fn new(spec: &SchedulerSpec, sequences: Option<SequenceRules>, max_batch_size: u32) -> Self {
        match sequences {
            Some(rules) => Self::Sequences(Box::new(Sequences::new(rules))),
            None => Self::Queue(Box::new(Dispatch::new(spec, max_batch_size))),
        }
    }

    /// How many wait.
    pub(crate) fn pending(&self) -> usize {
        match self {
            Self::Queue(dispatch) => dispatch.pending(),
            Self::Sequences(sequences) => sequences.pending(),
        }
    }

    /// Queues an item; says whom to wake for it.
    pub(crate) fn push(
        &mut self,
        priority: u64,
        timeout: Nanos,
        now: Nanos,
        item: T,
    ) -> Result<(Place, Wakers), Refusal<T>> {
        match self {
            Self::Queue(dispatch) => {
                let (place, waker) = dispatch.push(priority, timeout, now, item)?;
                Ok((place, waker.into_iter().collect()))
            }
            Self::Sequences(sequences) => sequences.push(now, item),
        }
    }

    /// Holds back what waits until it is so much, or until [`Scheduler::release`].
    pub(crate) fn hold(&mut self, load: u64) {
        match self {
            Self::Queue(dispatch) => dispatch.hold(load),
            // Requests that come at once belong to different sequences: they do not wait for each other.
            Self::Sequences(_) => {}
        }
    }

    /// Holds nothing back any more; says whom to wake.
    pub(crate) fn release(&mut self) -> Option<Waker> {
        match self {
            Self::Queue(dispatch) => dispatch.release(),
            Self::Sequences(_) => None,
        }
    }

    /// Queues an item again that its instance has handed back; gives it back where nothing is to follow it.
    pub(crate) fn hand_back(&mut self, now: Nanos, item: T) -> Result<(), T> {
        match self {
            Self::Queue(_) => Err(item),
            Self::Sequences(sequences) => sequences.hand_back(now, item),
        }
    }

    /// Takes a queued item out by its number, with those that need it.
    pub(crate) fn remove(&mut self, number: u64) -> (Vec<T>, Wakers) {
        match self {
            Self::Queue(dispatch) => (dispatch.remove(number).into_iter().collect(), Wakers::new()),
            Self::Sequences(sequences) => sequences.remove(number),
        }
    }

    /// Says what a port is to do, and whom to wake besides.
    pub(crate) fn next(
        &mut self,
        port: u64,
        now: Nanos,
        waker: &Waker,
        leavers: &mut Leavers<T>,
    ) -> (Step<T>, Wakers) {
        match self {
            Self::Queue(dispatch) => {
                let (step, waker) = dispatch.next(port, now, waker, leavers);
                (step, waker.into_iter().collect())
            }
            Self::Sequences(sequences) => sequences.next(port, now, waker, leavers),
        }
    }

    /// Takes note that a port cannot take what it was woken for; gives whom to wake in its place.
    pub(crate) fn pass_on(&mut self, port: u64) -> Wakers {
        match self {
            Self::Queue(dispatch) => dispatch.leave(port).into_iter().collect(),
            // What waits there is bound to the port.
            Self::Sequences(_) => Wakers::new(),
        }
    }

    /// Takes a port out of service.
    pub(crate) fn leave(&mut self, port: u64, leavers: &mut Leavers<T>) -> Wakers {
        match self {
            Self::Queue(dispatch) => dispatch.leave(port).into_iter().collect(),
            Self::Sequences(sequences) => {
                sequences.leave(port, leavers);
                Wakers::new()
            }
        }
    }

    /// Takes out all that are late or cancelled. Gives when to look again.
    pub(crate) fn expire(&mut self, now: Nanos, leavers: &mut Leavers<T>) -> (Nanos, Wakers) {
        match self {
            Self::Queue(dispatch) => (dispatch.expire(now, leavers), Wakers::new()),
            Self::Sequences(sequences) => sequences.expire(now, leavers),
        }
    }

    /// Ends it: gives back what still waits and whom to wake.
    pub(crate) fn close(&mut self) -> (Vec<T>, Vec<Waker>) {
        match self {
            Self::Queue(dispatch) => dispatch.close(),
            Self::Sequences(sequences) => sequences.close(),
        }
    }
}
