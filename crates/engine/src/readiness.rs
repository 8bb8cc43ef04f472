//! Models that are asked themselves whether they can serve now.
//!
//! Most are not: they are ready as long as they are served, and nobody waits for anything.

use std::pin::Pin;
use std::sync::Arc;

use parking_lot::RwLock;
use trilith_core::Result;

use crate::engine::Engine;
use crate::model::Model;

/// What a model says of itself, in the making: an error says why it cannot serve.
pub type Verdict = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// Asks a model.
pub trait Readiness: Send + Sync {
    /// Asks it now; the answer comes within bounded time.
    fn ask(&self) -> Verdict;
}

/// Who asks a model; nobody where that is not wanted.
#[derive(Default)]
pub(crate) struct Asked(RwLock<Option<Arc<dyn Readiness>>>);

impl Asked {
    /// Asks nobody any more.
    pub(crate) fn clear(&self) {
        let before = self.0.write().take();
        drop(before);
    }

    fn ask(&self) -> Option<Verdict> {
        self.0.read().as_ref().map(|readiness| readiness.ask())
    }
}

impl Model {
    /// Has it asked from now on, until it is closed.
    pub fn ask_by(&self, readiness: Arc<dyn Readiness>) {
        *self.asked.0.write() = Some(readiness);
    }
}

impl Engine {
    /// Whether a version takes requests and can serve them, by its own word where it gives one.
    ///
    /// Fails like [`Engine::model`], or with what the model says.
    pub async fn ask_model(&self, name: &str, version: Option<i64>) -> Result<()> {
        let model = self.model(name, version)?;
        match model.asked.ask() {
            Some(verdict) => verdict.await,
            None => Ok(()),
        }
    }

    /// Whether the server is ready, as [`Engine::is_ready`] says; with strict readiness also by the word of every model.
    pub async fn ask_all(&self) -> bool {
        if !self.is_ready() {
            return false;
        }
        if self.options().strict_readiness {
            for model in self.known_models() {
                if let Some(verdict) = self.ask_served(&model)
                    && verdict.await.is_err()
                {
                    return false;
                }
            }
        }
        true
    }

    /// Asks a model, unless it does not serve.
    fn ask_served(&self, model: &Arc<Model>) -> Option<Verdict> {
        let verdict = model.asked.ask()?;
        let signature = &model.spec().signature;
        let served = self.model(&signature.model, Some(signature.version)).ok()?;
        Arc::ptr_eq(&served, model).then_some(verdict)
    }
}
