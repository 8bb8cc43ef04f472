//! Answers that are kept, to be given again to the same question.
//!
//! - here: what a cache is, and where a model asks it
//! - [`key`]: what makes two requests the same question
//! - [`local`]: a cache in this process, bounded by bytes
//! - [`shelf`]: its order: who was used last, who goes first
//! - `keeper`: stores an answer on its way to whoever asked
//!
//! A model asks after a request was admitted and before it is scheduled, whatever runs it then.

mod keeper;
pub mod key;
pub mod local;
pub mod shelf;

use std::sync::Arc;

use trilith_core::{Error, Payload, Request, Response};

use crate::cache::keeper::Keeper;
pub use crate::cache::key::Key;
use crate::cache::key::Seed;
use crate::model::Model;
use crate::pending::Pending;
use crate::statistics::ledger::Failure;

/// Stands for the number of a request whose answer is being looked up elsewhere; no queue ever counts this far.
pub(crate) const LOOKING_UP: u64 = u64::MAX;

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
}

impl Caching {
    pub(crate) fn new(cache: Arc<dyn Cache>) -> Self {
        Self { cache, seed: Seed::new() }
    }

    /// Answers an admitted request from the cache or sends it on its way; the number by which it can be cancelled,
    /// `None` where it was answered.
    pub(crate) fn consult(&self, model: &Arc<Model>, mut pending: Box<Pending>) -> Option<u64> {
        let began = model.clock().now();
        own_inputs(&mut pending.request);
        let key = key::of(&self.seed, &pending.request);
        let found = self.cache.look_up(&key);
        let took = model.clock().now().saturating_sub(began);
        match found {
            Found::Hit(response) => {
                answer(model, pending, response, took);
                None
            }
            Found::Miss => {
                pending.outlet.wrap(|reply| Keeper::wrap(reply, model, &self.cache, key, took));
                model.enqueue(pending)
            }
            Found::Later => {
                let (model, cache) = (Arc::clone(model), Arc::clone(&self.cache));
                let tell = Box::new(move |found| go_on(&model, &cache, pending, (key, began), found));
                self.cache.look_up_later(&key, tell);
                Some(LOOKING_UP)
            }
        }
    }
}

/// What becomes of a request whose answer was looked up elsewhere. Nobody can have taken it out of a queue meanwhile.
fn go_on(
    model: &Arc<Model>,
    cache: &Arc<dyn Cache>,
    mut pending: Box<Pending>,
    (key, began): (Key, u64),
    found: Option<Response>,
) {
    let took = model.clock().now().saturating_sub(began);
    let cancellation = pending.request.cancellation.clone();
    if let Some(response) = found {
        return answer(model, pending, response, took);
    }
    pending.outlet.wrap(|reply| Keeper::wrap(reply, model, cache, key, took));
    if cancellation.is_cancelled() {
        let message = format!("the request was cancelled before it was queued for {}", model.title());
        return pending.refuse(Error::cancelled(message), Failure::Canceled);
    }
    model.enqueue(pending);
    // Whoever cancelled between the look and the line above found nothing to take out.
    if cancellation.is_cancelled() {
        model.expire(model.clock().now());
    }
}

/// Counts first, then answers: who got an answer finds it counted.
fn answer(model: &Arc<Model>, mut pending: Box<Pending>, mut response: Response, took: u64) {
    response.id.clone_from(&pending.request.id);
    let ended = model.clock().now();
    model.ledger().record_hit(pending.queued, ended, took);
    if let Some(order) = model.order() {
        pending.outlet.enter(order);
    }
    pending.outlet.finish(Some(Ok(response)));
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
