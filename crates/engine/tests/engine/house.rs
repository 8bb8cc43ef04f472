//! A server of several models, for ensembles of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use trilith_core::{DataType, Request, Signature};
use trilith_engine::ensemble::{Graph, StepSpec};
use trilith_engine::{
    Batch, Cache, Clock, Engine, EngineOptions, ManualClock, Model, ModelSpec, Port, Ticket, Turn,
};

use crate::support::{Inbox, floats, spec, take, tensor_spec};

pub(crate) type Pairs<'a> = &'a [(&'a str, &'a str)];

/// A step from model inputs and outputs to tensors; a name that ends in `*` is of a decoupled model.
pub(crate) fn step(model: &str, inputs: Pairs<'_>, outputs: Pairs<'_>) -> StepSpec {
    let own = |pairs: Pairs<'_>| {
        pairs.iter().map(|(name, tensor)| ((*name).to_owned(), (*tensor).to_owned())).collect()
    };
    StepSpec {
        model: model.trim_end_matches('*').to_owned(),
        inputs: own(inputs),
        outputs: own(outputs),
        decoupled: model.ends_with('*'),
        ..StepSpec::default()
    }
}

/// A server with models of one port each.
pub(crate) struct House {
    pub clock: Arc<ManualClock>,
    pub engine: Arc<Engine>,
    pub models: BTreeMap<String, (Arc<Model>, Port)>,
}

impl House {
    /// Models that have `IN` and `OUT`; names that end in `*` are decoupled.
    pub(crate) fn new(models: &[&str]) -> Self {
        Self::with_cache(models, None)
    }

    /// The same, with a cache for answers.
    pub(crate) fn with_cache(models: &[&str], cache: Option<Arc<dyn Cache>>) -> Self {
        let clock = Arc::new(ManualClock::new());
        let engine = Engine::new(EngineOptions::default(), Arc::clone(&clock) as Arc<dyn Clock>);
        assert!(cache.is_none_or(|cache| engine.set_cache(cache)));
        engine.open();
        let mut house = Self { clock, engine, models: BTreeMap::new() };
        for model in models {
            let mut made = ModelSpec { decoupled: model.ends_with('*'), ..spec(8) };
            model.trim_end_matches('*').clone_into(&mut made.signature.model);
            house.add(made);
        }
        house
    }

    pub(crate) fn add(&mut self, spec: ModelSpec) -> Arc<Model> {
        let model = Model::new(&self.engine, spec);
        self.engine.publish(Arc::clone(&model));
        let name = model.spec().signature.model.clone();
        self.models.insert(name, (Arc::clone(&model), model.open_port()));
        model
    }

    pub(crate) fn ensemble(&self, steps: &[StepSpec], outputs: &[&str]) -> Arc<Model> {
        let signature = Signature {
            model: "m".to_owned(),
            outputs: outputs.iter().map(|name| tensor_spec(name, DataType::Fp32, &[2])).collect(),
            ..spec(8).signature
        };
        self.compose(signature, steps)
    }

    pub(crate) fn compose(&self, signature: Signature, steps: &[StepSpec]) -> Arc<Model> {
        self.compose_as(ModelSpec { signature, ..ModelSpec::default() }, steps)
    }

    /// An ensemble of those steps that is otherwise like that.
    pub(crate) fn compose_as(&self, like: ModelSpec, steps: &[StepSpec]) -> Arc<Model> {
        let graph = Graph::new(&like.signature, steps).expect("a graph");
        let decoupled = steps.iter().any(|step| step.decoupled);
        let spec = ModelSpec { decoupled, ensemble: Some(Arc::new(graph)), ..like };
        let model = Model::new(&self.engine, spec);
        self.engine.publish(Arc::clone(&model));
        model
    }

    pub(crate) fn infer(&self, request: Request) -> (Inbox, Ticket) {
        let inbox = Inbox::default();
        let ticket = self.engine.infer(request, inbox.reply());
        (inbox, ticket)
    }

    pub(crate) fn take(&self, model: &str) -> Batch {
        take(&self.models[model].1)
    }

    pub(crate) fn has_work(&self, model: &str) -> bool {
        self.models[model].0.statistics().pending > 0
    }
}

pub(crate) fn ask(values: [f32; 2]) -> Request {
    Request {
        model: "m".into(),
        id: "7".into(),
        inputs: vec![floats("IN", &[1, 2], &values)],
        ..Request::default()
    }
}

/// The next batch of a model, if there is one.
pub(crate) fn poll(port: &Port) -> Option<Batch> {
    match port.next(std::task::Waker::noop()) {
        Turn::Batch(batch) => Some(*batch),
        Turn::Wait { .. } | Turn::Closed => None,
    }
}
