//! Stores an answer on its way to whoever asked.

use std::sync::Arc;

use trilith_core::Response;

use crate::cache::{Cache, Key};
use crate::clock::Nanos;
use crate::model::Model;
use crate::reply::{Answer, Reply};

/// Wraps the way back of a request that the cache knew no answer to.
pub(crate) struct Keeper {
    reply: Box<dyn Reply>,
    model: Arc<Model>,
    cache: Arc<dyn Cache>,
    key: Key,
    /// How long the look-up took.
    took: Nanos,
    /// Whether an answer has passed that was not the last: what follows is no full answer.
    partial: bool,
}

impl Keeper {
    pub(crate) fn wrap(
        reply: Box<dyn Reply>,
        model: &Arc<Model>,
        cache: &Arc<dyn Cache>,
        key: Key,
        took: Nanos,
    ) -> Box<dyn Reply> {
        let (model, cache) = (Arc::clone(model), Arc::clone(cache));
        Box::new(Self { reply, model, cache, key, took, partial: false })
    }

    /// Stores; gives how long that took.
    fn store(&self, response: &Response) -> Nanos {
        let began = self.model.clock().now();
        self.cache.store(&self.key, response);
        self.model.clock().now().saturating_sub(began)
    }
}

impl Reply for Keeper {
    /// Only a full answer that is no error is kept. The look-up counts as a miss whatever the answer, and before it is
    /// given.
    fn send(&mut self, answer: Answer) {
        if !answer.is_final {
            self.partial = true;
            return self.reply.send(answer);
        }
        let kept = match &answer.result {
            Some(Ok(response)) if !self.partial => Some(self.store(response)),
            _ => None,
        };
        self.model.ledger().record_miss(self.model.clock().now(), self.took, kept);
        self.reply.send(answer);
    }

    fn begin(&mut self, port: u64) {
        self.reply.begin(port);
    }

    fn hand_back(&mut self) -> bool {
        self.reply.hand_back()
    }
}
