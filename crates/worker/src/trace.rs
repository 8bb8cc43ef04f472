//! Traces as the worker knows them: by number. What happens to a request is noted in the server.

use std::sync::Arc;

use trilith_core::trace::{Activity, Event, Instant, Trace};
use trilith_core::{Signature, Tensor};

use crate::message::TraceMessage;

/// Stands in the worker for the trace of a request, so that its model can name it.
#[derive(Clone, Debug)]
struct Named {
    id: u64,
    context: Option<String>,
}

/// What the other side is told of a request's trace.
pub(crate) fn encode(trace: Option<&Arc<dyn Trace>>) -> Option<TraceMessage> {
    trace.map(|trace| TraceMessage { id: trace.id(), context: trace.context() })
}

/// What stands for a trace of the other side.
pub(crate) fn decode(message: Option<TraceMessage>) -> Option<Arc<dyn Trace>> {
    let TraceMessage { id, context } = message?;
    Some(Arc::new(Named { id, context }))
}

impl Trace for Named {
    fn id(&self) -> u64 {
        self.id
    }

    fn now(&self) -> Instant {
        0
    }

    fn begin(&self, _: &Signature, _: &str, _: Instant) {}

    fn mark_at(&self, _: Event, _: Instant) {}

    fn note_tensors(&self, _: Activity, _: &[Tensor]) {}

    fn child(&self) -> Arc<dyn Trace> {
        Arc::new(self.clone())
    }

    fn context(&self) -> Option<String> {
        self.context.clone()
    }
}
