//! Where a request to an ensemble comes in: it is checked, looked up where answers are kept, and begun.

use std::sync::Arc;

use trilith_core::{CorrelationId, Request};

use crate::engine::Engine;
use crate::ensemble::graph::Graph;
use crate::ensemble::run::{DEEPEST, Whence, begin};
use crate::model::{InFlight, Model};
use crate::pending::Pending;
use crate::reply::{Outlet, Reply};
use crate::ticket::Place;
use crate::trace;

/// Takes a request in; `None` where it was answered already.
pub(crate) fn enter(
    (engine, graph): (Arc<Engine>, Arc<Graph>),
    whence: Whence,
    in_flight: InFlight,
    mut request: Request,
    reply: Box<dyn Reply>,
) -> Option<Place> {
    let (recipient, batch_size) = Model::take_in(in_flight, &mut request, reply)?;
    let model = Arc::clone(recipient.model());
    let queued = model.clock().now();
    trace::note_queued(&model.spec().signature, &request, None, queued);
    let caching = model.caching().filter(|_| stands_alone(&request));
    let mut loads = Vec::new();
    if caching.is_some() {
        gather_loads(&engine, &graph, 0, &mut loads);
    }
    let run = move |taken, recipient| {
        let run = begin((engine, graph), whence, taken, recipient)?;
        Some(Place::Ensemble(Arc::downgrade(&run)))
    };
    let Some(caching) = caching else { return run((request, batch_size, queued), recipient) };
    let (outlet, model) = (Outlet::Direct(recipient), Arc::clone(&model));
    let (memory, padding, responses) = (None, false, 0);
    let pending = Pending { request, model, batch_size, queued, outlet, memory, padding, responses };
    caching.consult(Box::new(pending), &loads, move |mut pending| {
        let recipient = pending.outlet.take_recipient()?;
        run((std::mem::take(&mut pending.request), batch_size, queued), recipient)
    })
}

/// Whether a request belongs to no sequence: what a step answers to one that does depends on those before it.
fn stands_alone(request: &Request) -> bool {
    match &request.correlation_id {
        CorrelationId::Number(number) => *number == 0,
        CorrelationId::Text(text) => text.is_empty(),
    }
}

/// Which loads of their models the steps run, those of ensembles inside as well: an answer of others is none any more.
fn gather_loads(engine: &Engine, graph: &Graph, depth: u32, loads: &mut Vec<u64>) {
    for step in &graph.steps {
        // A step whose model is not served fails, and failures are not kept.
        let Ok(found) = engine.pin(step.address(), step.version) else { continue };
        let model = found.model();
        loads.push(model.load());
        if let Some(inner) = model.spec().ensemble.as_ref().filter(|_| depth < DEEPEST) {
            gather_loads(engine, inner, depth + 1, loads);
        }
    }
}
