//! The instances of all models that share resources.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

use parking_lot::Mutex;
use trilith_core::{Error, Result};

pub use crate::schedule::limiter::{Demand, Resource, Supply};
use crate::schedule::limiter::{Limiter, Unfit};

/// The rate limiter of an engine.
pub(crate) struct Limits(Mutex<Limiter<Waker>>);

impl Limits {
    pub(crate) fn new(supplies: Vec<Supply>) -> Self {
        Self(Mutex::new(Limiter::new(supplies)))
    }

    /// Takes an instance of a model in.
    pub(crate) fn join(self: &Arc<Self>, demand: Demand, title: &str) -> Result<Pass> {
        let joined = self.0.lock().join(demand);
        let number = joined.map_err(|unfit| explain(&unfit, title))?;
        Ok(Pass { limits: Arc::clone(self), number, has_run: AtomicBool::new(false) })
    }
}

/// What an instance will ask for while it runs, before it takes batches. The default asks for nothing; dropping it
/// gives it up.
#[derive(Default)]
pub struct Reservation(pub(crate) Option<Pass>);

/// An instance's right to ask for turns. Dropping it gives back what it holds.
pub(crate) struct Pass {
    limits: Arc<Limits>,
    number: u64,
    /// Whether the turn it holds was used.
    has_run: AtomicBool,
}

impl Pass {
    /// Asks for a turn, in place of the one that was used: whether there is one now, and whom else to wake. Otherwise
    /// the waker is called when there is.
    pub(crate) fn ask(&self, waker: &Waker) -> (bool, Vec<Waker>) {
        self.limits.0.lock().ask(self.number, self.take_run(), waker.clone())
    }

    /// Gives a turn back, used or not; gives whom to wake.
    pub(crate) fn give_back(&self) -> Vec<Waker> {
        self.limits.0.lock().end(self.number, self.take_run())
    }

    /// Notes that the turn is used: something runs, until the instance asks again.
    pub(crate) fn note_run(&self) {
        self.has_run.store(true, Ordering::Relaxed);
    }

    fn take_run(&self) -> bool {
        self.has_run.swap(false, Ordering::Relaxed)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let woken = self.limits.0.lock().leave(self.number);
        woken.into_iter().for_each(Waker::wake);
    }
}

fn explain(unfit: &Unfit, title: &str) -> Error {
    match unfit {
        Unfit::TooMuch { resource, wanted, given } => {
            let Resource { name, device } = resource;
            let place = device.map_or_else(String::new, |device| format!(" on device {device}"));
            Error::invalid(format!(
                "an instance of {title} asks for {wanted} of resource '{name}', and there are {given}{place}: it would \
                 never run"
            ))
            .with_hint(format!("start with --rate-limit-resource={name}:{wanted}, or ask for less"))
        }
        Unfit::Mixed { name } => Error::invalid(format!(
            "resource '{name}' of {title} is the whole server's for one instance and a device's for another"
        ))
        .with_hint("write 'global' for all instances that ask for it, or for none"),
    }
}
