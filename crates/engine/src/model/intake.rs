//! How requests come into a model's queue, and how they leave it unrun.

use std::sync::Arc;
use std::task::Waker;

use trilith_core::{Error, Request, Result};

use crate::admit::admit;
use crate::clock::Nanos;
use crate::model::{InFlight, Model};
use crate::pending::Pending;
use crate::reply::{Outlet, Recipient, Reply};
use crate::round;
use crate::schedule::dispatch::Refusal;
use crate::schedule::queue::{Leavers, NEVER};
use crate::statistics::ledger::Failure;
use crate::ticket::Place;
use crate::trace;

impl Model {
    /// Checks a request that is to run as an ensemble; `None` where it was refused, and answered so.
    pub(crate) fn take_in(
        in_flight: InFlight,
        request: &mut Request,
        reply: Box<dyn Reply>,
    ) -> Option<(Recipient, u32)> {
        let recipient = Recipient::new(reply, in_flight);
        match recipient.model().admit(request) {
            Ok(batch_size) => Some((recipient, batch_size)),
            Err(error) => {
                recipient.refuse(error);
                None
            }
        }
    }

    /// Takes a request in; `None` where it was answered already. Gives the place where it can be withdrawn.
    pub(crate) fn submit(
        self: &Arc<Self>,
        in_flight: InFlight,
        mut request: Request,
        reply: Box<dyn Reply>,
    ) -> Option<Place> {
        let arrived = trace::arrival(&request, self.clock.as_ref());
        let (recipient, batch_size) = Self::take_in(in_flight, &mut request, reply)?;
        let queued = self.clock.now();
        trace::note_queued(&self.spec.signature, &request, arrived, queued);
        let outlet = Outlet::Direct(recipient);
        let model = Arc::clone(self);
        let (memory, padding) = (None, false);
        let pending =
            Box::new(Pending { request, model, batch_size, queued, outlet, memory, padding, responses: 0 });
        let place = |model: &Arc<Self>, number| Place::Queue(Arc::downgrade(model), number);
        match &self.caching {
            None => self.enqueue(pending).map(|number| place(self, number)),
            Some(caching) => {
                let model = Arc::clone(self);
                let next = move |pending| model.enqueue(pending).map(|number| place(&model, number));
                caching.consult(pending, &[], next)
            }
        }
    }

    /// Queues an admitted request; `None` where it was answered instead.
    pub(crate) fn enqueue(self: &Arc<Self>, mut pending: Box<Pending>) -> Option<u64> {
        let Pending { queued, request, .. } = &*pending;
        let (queued, priority) = (*queued, request.priority);
        let timeout = request.timeout_microseconds.saturating_mul(1000);
        if let (Some(order), Some(_)) = (&self.order, &self.caching) {
            // In line from the beginning: answers from the cache come behind those that are waited for.
            pending.outlet.enter(order);
        }
        let load = round::begin(self);
        let pushed = {
            let mut scheduler = self.scheduler.lock();
            if let Some(load) = load {
                scheduler.hold(load);
            }
            scheduler.push(priority, timeout, queued, pending)
        };
        match pushed {
            Ok((place, wakers)) => {
                wakers.into_iter().for_each(Waker::wake);
                if place.expiry != NEVER {
                    self.alarm.advance(place.expiry);
                }
                Some(place.number)
            }
            Err(Refusal::Closed(pending)) => {
                pending.refuse(self.closed_error(), Failure::Other);
                None
            }
            Err(Refusal::Full(pending, bound)) => {
                pending.refuse(self.full_error(bound), Failure::Rejected);
                None
            }
            Err(Refusal::NotStarted(pending, wakers)) => {
                wakers.into_iter().for_each(Waker::wake);
                let error = self.not_started_error(&pending.request.correlation_id);
                pending.turn_away(error);
                None
            }
        }
    }

    fn admit(&self, request: &mut Request) -> Result<u32> {
        let batch_size = admit(&self.spec.signature, request)?;
        if let Some(sequencing) = &self.sequencing {
            sequencing.admit(request, batch_size)?;
        }
        Ok(batch_size)
    }

    /// Takes a request back that its model wants to run again.
    pub(crate) fn hand_back(&self, mut pending: Box<Pending>) {
        if pending.request.cancellation.is_cancelled() {
            return pending.refuse(self.cancelled_error(), Failure::Canceled);
        }
        if let Some(sequencing) = &self.sequencing {
            sequencing.undress(&mut pending.request);
        }
        let refused = self.scheduler.lock().hand_back(self.clock.now(), pending);
        if let Err(pending) = refused {
            let message =
                format!("{} handed a request back that belongs to no iterative sequence", self.title());
            let hint = "set 'sequence_batching { iterative_sequence: true }', or answer the request";
            pending.refuse(Error::model(message).with_hint(hint), Failure::Backend);
        }
    }

    /// Takes a cancelled request out of the queue, if it is still there.
    pub(crate) fn cancel(&self, number: u64) {
        let (cancelled, wakers) = self.scheduler.lock().remove(number);
        wakers.into_iter().for_each(Waker::wake);
        for pending in cancelled {
            pending.refuse(self.cancelled_error(), Failure::Canceled);
        }
    }

    /// Answers queued requests that are late or cancelled; gives when the next one will be late.
    pub(crate) fn expire(&self, now: Nanos) -> Nanos {
        let mut leavers = Leavers::default();
        let (next, wakers) = self.scheduler.lock().expire(now, &mut leavers);
        wakers.into_iter().for_each(Waker::wake);
        self.answer_leavers(leavers);
        next
    }
}
