//! Where a Python thread of this process takes its batches.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;
use std::time::Duration;

use parking_lot::Mutex;
use pyo3::prelude::*;
use trilith_engine::{Clock, Port, Turn};

use crate::array::{Access, Handover};
use crate::batch::Batch;
use crate::call::{Caller, Premises, Road};
use crate::occupation::Occupation;
use crate::parker::Parker;

/// Where an instance in this process takes its batches.
#[pyclass(frozen, module = "trilith.native")]
pub(crate) struct InstancePort {
    premises: Premises,
    port: Arc<Port>,
    occupation: Arc<Occupation>,
    clock: Arc<dyn Clock>,
    parker: Mutex<Option<Arc<Parker>>>,
    closed: AtomicBool,
}

impl InstancePort {
    pub(crate) fn new(premises: Premises, port: Port) -> Self {
        let (clock, port) = (Arc::clone(premises.engine.clock()), Arc::new(port));
        let occupation = Arc::default();
        Self { premises, port, occupation, clock, parker: Mutex::new(None), closed: AtomicBool::new(false) }
    }

    /// The parker of the calling thread, which from now on is the one that is woken.
    fn parker(&self) -> Arc<Parker> {
        let mut slot = self.parker.lock();
        match &*slot {
            Some(parker) if parker.is_current() => Arc::clone(parker),
            _ => Arc::clone(slot.insert(Arc::new(Parker::new()))),
        }
    }

    fn turn(&self, waker: &Waker) -> Turn {
        if self.closed.load(Ordering::Acquire) { Turn::Closed } else { self.port.next(waker) }
    }
}

#[pymethods]
impl InstancePort {
    /// Waits for the next batch, the GIL released.
    fn next_batch(&self, py: Python<'_>) -> Option<Batch> {
        self.occupation.end();
        let parker = self.parker();
        loop {
            let until = match self.turn(parker.waker()) {
                Turn::Batch(batch) => {
                    self.occupation.begin();
                    let batch = Batch::new(*batch, Access::ReadOnly, Handover::Shared, None);
                    self.occupation.keep(batch.shared());
                    return Some(batch);
                }
                Turn::Closed => return None,
                Turn::Wait { until } => until,
            };
            let limit = until.map(|until| Duration::from_nanos(until.saturating_sub(self.clock.now())));
            py.detach(|| parker.park(limit));
        }
    }

    /// How the instance's model makes requests of others.
    fn caller(&self) -> Caller {
        let road = Road::Engine(self.premises.clone(), Some(Arc::clone(&self.port)));
        Caller::new(road, Arc::clone(&self.occupation))
    }

    /// Takes the instance out of service.
    fn close(&self) {
        self.closed.store(true, Ordering::Release);
        if let Some(parker) = &*self.parker.lock() {
            parker.waker().wake_by_ref();
        }
    }
}
