//! Answers that are kept, to be given again to the same question.
//!
//! - here: what a cache is, and where a model asks it
//! - [`key`]: what makes two requests the same question
//! - [`local`]: a cache in this process, bounded by bytes
//! - [`shelf`]: its order: who was used last, who goes first
//! - `keeper`: stores an answer on its way to whoever asked
//! - `wordings`: questions by the bytes that they came in
//!
//! A model asks after a request was admitted and before it is scheduled, whatever runs it then.

mod keeper;
pub mod key;
pub mod local;
pub mod shelf;
mod wordings;

use std::sync::{Arc, OnceLock};

use trilith_core::{Error, Payload, Request, Response, Wording};

use crate::cache::keeper::Keeper;
pub use crate::cache::key::Key;
use crate::cache::key::Seed;
pub(crate) use crate::cache::wordings::LONGEST as LONGEST_WORDS;
use crate::cache::wordings::Wordings;
use crate::clock::Nanos;
use crate::model::Model;
use crate::pending::Pending;
use crate::statistics::ledger::Failure;
use crate::ticket::Place;
use crate::trace;

/// What a look-up gives.
#[derive(Debug)]
pub enum Found {
    /// The answer.
    Hit(Response),
    /// Nothing.
    Miss,
    /// It would take waiting: see [`Cache::look_up_later`].
    Later,
}

/// Takes the outcome of a look-up, once.
pub type Tell = Box<dyn FnOnce(Option<Response>) + Send>;

/// Keeps answers by the key of their request. Whoever holds answers elsewhere must bring them back as they were given.
///
/// [`Cache::look_up`] and [`Cache::store`] are called on the threads that own sockets and on those that run models: they
/// must not wait. What goes wrong in a cache is for the cache to report; to requests it is a miss.
pub trait Cache: Send + Sync {
    /// Looks an answer up at once.
    fn look_up(&self, key: &Key) -> Found;

    /// Looks an answer up where that takes waiting, and tells from a thread of the cache's own.
    fn look_up_later(&self, key: &Key, tell: Tell) {
        let _ = key;
        tell(None);
    }

    /// Takes an answer in. Its tensors may be views of memory that is about to change: what is kept is a copy.
    fn store(&self, key: &Key, response: &Response);
}

/// The cache as one loaded model uses it.
pub(crate) struct Caching {
    cache: Arc<dyn Cache>,
    seed: Seed,
    wordings: Wordings,
}

/// An answer to words that were asked before.
#[derive(Debug)]
pub struct Recalled {
    /// The answer.
    pub response: Response,
    /// What the endpoint noted when it read them.
    pub note: u64,
}

impl Caching {
    pub(crate) fn new(cache: Arc<dyn Cache>) -> Self {
        Self { cache, seed: Seed::new(), wordings: Wordings::new() }
    }

    /// Answers words that were asked before, and counts them as a request; `None` where they have to be read.
    pub(crate) fn recall(&self, model: &Model, words: &Wording) -> Option<Recalled> {
        let asked = self.wordings.find(words)?;
        let began = model.clock().now();
        let Found::Hit(mut response) = self.cache.look_up(&asked.key) else { return None };
        let ended = model.clock().now();
        response.id = asked.id;
        model.ledger().record_hit(began, ended, ended.saturating_sub(began));
        Some(Recalled { response, note: asked.note })
    }

    /// Answers an admitted request from the cache, or lets it go on; where it can be withdrawn, `None` where it was
    /// answered. `loads` are those of other models on which the answer depends.
    pub(crate) fn consult(
        &self,
        mut pending: Box<Pending>,
        loads: &[u64],
        next: impl FnOnce(Box<Pending>) -> Option<Place> + Send + 'static,
    ) -> Option<Place> {
        let model = Arc::clone(&pending.model);
        // The clock was read just before.
        let began = pending.queued;
        own_inputs(&mut pending.request);
        let wording = pending.request.wording.take();
        let key = key::of(&self.seed, loads, &pending.request);
        let found = self.cache.look_up(&key);
        let looked = model.clock().now();
        let took = looked.saturating_sub(began);
        match found {
            Found::Hit(response) => {
                if let Some(words) = wording.filter(|words| model.takes_words(words.text.len())) {
                    self.wordings.note(&words, key, &pending.request.id);
                }
                answer(&model, pending, response, (began, looked));
                None
            }
            Found::Miss => {
                pending.outlet.wrap(|reply| Keeper::wrap(reply, &model, &self.cache, key, took));
                next(pending)
            }
            Found::Later => {
                let cache = Arc::clone(&self.cache);
                let place = Arc::new(OnceLock::new());
                let (slot, found_for) = (Arc::clone(&place), Arc::downgrade(&model));
                let tell = Box::new(move |found| {
                    let cancellation = pending.request.cancellation.clone();
                    let Some(pending) = go_on(&cache, pending, (key, began), found) else { return };
                    let Some(reached) = next(pending) else { return };
                    let _ = slot.set(reached.clone());
                    // Whoever cancelled before the line above found nothing to take out.
                    if cancellation.is_cancelled() {
                        reached.withdraw();
                    }
                });
                self.cache.look_up_later(&key, tell);
                Some(Place::LookUp(found_for, place))
            }
        }
    }
}

/// Deals with a request whose answer was looked up elsewhere; gives it back where it has to run.
fn go_on(
    cache: &Arc<dyn Cache>,
    mut pending: Box<Pending>,
    (key, began): (Key, u64),
    found: Option<Response>,
) -> Option<Box<Pending>> {
    let model = Arc::clone(&pending.model);
    let looked = model.clock().now();
    if let Some(response) = found {
        answer(&model, pending, response, (began, looked));
        return None;
    }
    let took = looked.saturating_sub(began);
    pending.outlet.wrap(|reply| Keeper::wrap(reply, &model, cache, key, took));
    if pending.request.cancellation.is_cancelled() {
        let message = format!("the request was cancelled before it was queued for {}", model.title());
        pending.refuse(Error::cancelled(message), Failure::Canceled);
        return None;
    }
    Some(pending)
}

/// Counts first, then answers: who got an answer finds it counted. It was looked for from `began` to `ended`.
fn answer(
    model: &Arc<Model>,
    mut pending: Box<Pending>,
    mut response: Response,
    (began, ended): (Nanos, Nanos),
) {
    response.id.clone_from(&pending.request.id);
    model.ledger().record_hit(pending.queued, ended, ended.saturating_sub(began));
    if let Some(order) = model.order() {
        pending.outlet.enter(order);
    }
    let result = Ok(response);
    trace::note_answer(&pending.request, &result);
    pending.finish(Some(result));
}

/// Copies inputs that others may change at any time: the key must be that of the very bytes that the model sees.
fn own_inputs(request: &mut Request) {
    if !request.is_volatile {
        return;
    }
    for input in &mut request.inputs {
        input.payload = copy(&input.payload);
    }
    request.is_volatile = false;
}

/// The same bytes in memory of their own.
pub(crate) fn copy(payload: &Payload) -> Payload {
    let mut content = vec![0; payload.len()];
    payload.copy_to(&mut content);
    content.into()
}
