//! Requests that models make of each other while they run, and how such requests would wait for ever.
//!
//! An instance that waits for another model's answer is not free. If every instance of the called model waits in this
//! way for the very request that it is to run, nobody ever goes on. The request that would close such a circle is the
//! last one made, and it is refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use trilith_core::request::Cancellation;
use trilith_core::{Code, Error, Fault};

use crate::model::Model;
use crate::reply::{Answer, Reply};

/// The place where an instance runs its batches: a port of its model.
#[derive(Clone)]
pub struct Seat {
    model: Arc<Model>,
    port: u64,
}

/// Where a request that a model makes comes from.
#[derive(Clone, Default)]
pub struct Origin {
    /// The place that is not free before the answer is there, if there is one.
    pub seat: Option<Seat>,
    /// Whether the caller takes any number of answers rather than one.
    pub takes_many: bool,
    /// What cancels the request, where it is made for the sake of others: see [`Origin::for_sake_of`].
    pub sake: Option<Cancellation>,
}

impl Origin {
    /// What cancels a request that is made for some of these, nobody knows which: it is cancelled once all of them are.
    ///
    /// Those that are cancelled already do not count: a model that makes a request then does so nonetheless, maybe to
    /// tidy up.
    pub fn for_sake_of<'a>(requests: impl IntoIterator<Item = &'a Cancellation>) -> Option<Cancellation> {
        let wanted = requests.into_iter().filter(|request| !request.is_cancelled()).cloned();
        let wanted: Vec<_> = wanted.collect();
        (!wanted.is_empty()).then(|| Cancellation::part_of(wanted))
    }

    /// Refuses a model that may answer any number of times to a caller that takes one answer.
    pub(crate) fn check(&self, target: &Model) -> Result<(), Error> {
        if self.takes_many || !target.spec().decoupled {
            return Ok(());
        }
        let message = format!(
            "{} is decoupled: it may answer any number of times, this call takes one answer",
            target.title()
        );
        Err(Error::new(Code::Unimplemented, Fault::Client, message).with_hint("call it with decoupled=True"))
    }
}

impl Seat {
    pub(crate) fn new(model: Arc<Model>, port: u64) -> Self {
        Self { model, port }
    }

    /// Its name among all seats.
    fn key(&self) -> SeatKey {
        (model_key(&self.model), self.port)
    }
}

type ModelKey = usize;
type SeatKey = (ModelKey, u64);

fn model_key(model: &Arc<Model>) -> ModelKey {
    Arc::as_ptr(model) as usize
}

/// One request for whose answer an instance waits.
struct Waited {
    seat: Seat,
    target: Arc<Model>,
    /// The port of the target that runs it; `None` while it is queued.
    place: Option<u64>,
}

/// All requests for whose answers instances wait.
#[derive(Default)]
pub(crate) struct Calls {
    waited: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    next: u64,
    waited: BTreeMap<u64, Waited>,
}

impl Calls {
    /// Notes a request that is about to be made.
    ///
    /// Fails if it would never be answered.
    pub(crate) fn begin(this: &Arc<Self>, seat: Seat, target: Arc<Model>) -> Result<Call, Error> {
        let mut book = this.waited.lock();
        let number = book.next;
        book.next += 1;
        book.waited.insert(number, Waited { seat, target, place: None });
        if let Some(error) = book.find_circle(number) {
            book.waited.remove(&number);
            return Err(error);
        }
        Ok(Call { calls: Arc::clone(this), number })
    }
}

impl Book {
    fn find_circle(&self, number: u64) -> Option<Error> {
        let call = self.waited.get(&number)?;
        let ports = call.target.ports();
        let key = model_key(&call.target);
        // The common case, decided without looking further: somebody there waits for nobody.
        if !ports.iter().all(|port| self.waited.values().any(|other| other.seat.key() == (key, *port))) {
            return None;
        }
        let edges: Vec<Edge> = self
            .waited
            .iter()
            .map(|(number, waited)| Edge {
                number: *number,
                seat: waited.seat.key(),
                target: model_key(&waited.target),
                place: waited.place,
            })
            .collect();
        let ports_of = |model: ModelKey| {
            let found = self.waited.values().find(|waited| model_key(&waited.target) == model);
            found.map(|waited| waited.target.ports()).unwrap_or_default()
        };
        is_stuck(&edges, number, ports_of).then(|| circle_error(&call.seat, &call.target, ports.len()))
    }
}

fn circle_error(seat: &Seat, target: &Model, instances: usize) -> Error {
    let instances = if instances == 1 {
        "its only instance waits".to_owned()
    } else {
        format!("all {instances} instances of it wait")
    };
    let message = format!(
        "{} called {}, which would never answer: {instances} for this very request",
        seat.model.title(),
        target.title()
    );
    let name = &target.spec().signature.model;
    Error::new(Code::Unavailable, Fault::Model, message).with_hint(format!(
        "give model '{name}' more instances than calls that wait inside each other, or let the calls not run in a circle"
    ))
}

/// A request, who waits for it and where it runs.
#[derive(Clone, Copy, Debug)]
struct Edge {
    number: u64,
    seat: SeatKey,
    target: ModelKey,
    place: Option<u64>,
}

/// Whether a queued request can never be run: no seat of its model will ever be free.
///
/// A seat goes on once all requests that it waits for are answered; a request is answered once the seat that runs it
/// goes on, or, while it is queued, once any seat of its model does.
fn is_stuck(edges: &[Edge], number: u64, ports_of: impl Fn(ModelKey) -> Vec<u64>) -> bool {
    let mut stuck: Vec<SeatKey> = edges.iter().map(|edge| edge.seat).collect();
    stuck.sort_unstable();
    stuck.dedup();
    let is_answered = |edge: &Edge, stuck: &[SeatKey]| {
        let is_stuck = |port: u64| stuck.contains(&(edge.target, port));
        let queued = || {
            let ports = ports_of(edge.target);
            // A model without any seat is being started again.
            ports.is_empty() || ports.into_iter().any(|port| !is_stuck(port))
        };
        edge.place.map_or_else(queued, |port| !is_stuck(port))
    };
    loop {
        let before = stuck.len();
        let still: Vec<SeatKey> = stuck
            .iter()
            .copied()
            .filter(|seat| edges.iter().any(|edge| edge.seat == *seat && !is_answered(edge, &stuck)))
            .collect();
        stuck = still;
        if stuck.len() == before {
            break;
        }
    }
    edges.iter().any(|edge| edge.number == number && !is_answered(edge, &stuck))
}

/// A request that is waited for, until it is answered.
pub(crate) struct Call {
    calls: Arc<Calls>,
    number: u64,
}

impl Call {
    /// The way back of this request: it is no longer waited for once its last answer has come.
    pub(crate) fn hold(self, reply: Box<dyn Reply>) -> impl Reply {
        Held { reply, call: Some(self) }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let gone = self.calls.waited.lock().waited.remove(&self.number);
        drop(gone);
    }
}

struct Held {
    reply: Box<dyn Reply>,
    call: Option<Call>,
}

impl Reply for Held {
    fn send(&mut self, answer: Answer) {
        if answer.is_final {
            self.call = None;
        }
        self.reply.send(answer);
    }

    fn begin(&mut self, port: u64) {
        if let Some(call) = &self.call
            && let Some(waited) = call.calls.waited.lock().waited.get_mut(&call.number)
        {
            waited.place = Some(port);
        }
        self.reply.begin(port);
    }

    fn hand_back(&mut self) -> bool {
        if let Some(call) = &self.call
            && let Some(waited) = call.calls.waited.lock().waited.get_mut(&call.number)
        {
            waited.place = None;
        }
        self.reply.hand_back()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Lets everything go on that can, one step after the other, and says which requests were answered.
    fn run(edges: &[Edge], ports: &[u64]) -> Vec<u64> {
        let mut open = edges.to_vec();
        let mut answered = Vec::new();
        loop {
            // A seat that waits for nobody finishes what it runs, and takes what is queued for its model.
            let free = |seat: SeatKey, open: &[Edge]| open.iter().all(|edge| edge.seat != seat);
            let next = open.iter().position(|edge| match edge.place {
                Some(port) => free((edge.target, port), &open),
                None => (0..ports[edge.target]).any(|port| free((edge.target, port), &open)),
            });
            let Some(next) = next else { return answered };
            answered.push(open.remove(next).number);
        }
    }

    proptest! {
        /// A request is stuck exactly if letting everything go on that can never answers it.
        #[test]
        fn what_is_refused_would_wait_for_ever_and_nothing_else(
            ports in prop::collection::vec(1_u64..4, 3),
            calls in prop::collection::vec((0_usize..3, 0_u64..3, 0_usize..3, prop::option::of(0_u64..3)), 1..9),
        ) {
            let edges: Vec<Edge> = calls
                .iter()
                .enumerate()
                .map(|(number, (from, port, target, place))| Edge {
                    number: number as u64,
                    seat: (*from, port % ports[*from]),
                    target: *target,
                    place: place.map(|place| place % ports[*target]),
                })
                .collect();
            let answered = run(&edges, &ports);
            for edge in &edges {
                let stuck = is_stuck(&edges, edge.number, |model| (0..ports[model]).collect());
                prop_assert_eq!(stuck, !answered.contains(&edge.number), "{:?}", edge);
            }
        }
    }
}
