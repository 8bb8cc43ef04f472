//! What whoever sent a request holds of it while it is on its way.

use std::fmt;
use std::sync::{Arc, OnceLock, Weak};

use trilith_core::request::{Cancellation, Listening};

use crate::ensemble::Run;
use crate::model::Model;
use crate::vigil::Attendance;

/// A request on its way. Dropping it does nothing; [`Ticket::cancel`] withdraws the request.
///
/// Of a request that was made for the sake of others, it is kept until the end: it takes part in their cancellation.
#[derive(Clone, Debug)]
pub struct Ticket {
    cancellation: Cancellation,
    /// `None` where it was refused.
    place: Option<Place>,
    /// Withdraws it with the requests for whose sake it was made.
    _listening: Option<Arc<Listening>>,
}

/// Where a request can be withdrawn.
#[derive(Clone)]
pub(crate) enum Place {
    /// Where it was queued, and its number there.
    Queue(Weak<Model>, u64),
    /// It runs as the steps of an ensemble.
    Ensemble(Weak<Run>),
    /// Its answer is looked up elsewhere; where it went on to after that.
    LookUp(Weak<Model>, Arc<OnceLock<Place>>),
}

impl fmt::Debug for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Queue(..) => "Queue",
            Self::Ensemble(_) => "Ensemble",
            Self::LookUp(..) => "LookUp",
        })
    }
}

impl Place {
    /// Takes out a request that was cancelled.
    pub(crate) fn withdraw(&self) {
        match self {
            Self::Queue(model, number) => {
                if let Some(model) = model.upgrade() {
                    model.cancel(*number);
                }
            }
            Self::Ensemble(run) => {
                if let Some(run) = run.upgrade() {
                    run.cancel();
                }
            }
            Self::LookUp(_, next) => {
                if let Some(place) = next.get() {
                    place.withdraw();
                }
            }
        }
    }
}

impl Ticket {
    pub(crate) fn new(cancellation: Cancellation, place: Option<Place>) -> Self {
        Self { cancellation, place, _listening: None }
    }

    /// The same, withdrawn as well when its cancellation is given elsewhere.
    pub(crate) fn listening(self) -> Self {
        if self.place.is_none() {
            return self;
        }
        let ticket = self.clone();
        let listening = self.cancellation.listen(move || ticket.cancel());
        Self { _listening: Some(Arc::new(listening)), ..self }
    }

    /// Whether the request was answered before it was queued: refused, or from the cache.
    pub fn was_refused(&self) -> bool {
        self.place.is_none()
    }

    /// Withdraws the request: it leaves the queue at once, or its model is told. Its reply is still
    /// answered exactly once (with `Cancelled` where nothing else came first).
    pub fn cancel(&self) {
        self.cancellation.cancel();
        if let Some(place) = &self.place {
            place.withdraw();
        }
    }

    /// Looks for the answer for a moment, for a caller that would sleep otherwise; what was found.
    pub fn watch<T>(&self, look: impl FnMut() -> Option<T>) -> Option<T> {
        if !Attendance::is_single() {
            return None;
        }
        match self.place.as_ref()? {
            Place::Queue(model, _) | Place::LookUp(model, _) => model.upgrade()?.answers().keep(look),
            Place::Ensemble(run) => run.upgrade()?.ensemble().answers().keep(look),
        }
    }
}
