//! What sequences add to requests: admission, control inputs, implicit state.
//!
//! - [`controls`]: tensors that tell a model about the sequence
//! - [`state`]: tensors that the server keeps from one request of a sequence to the next
//!
//! Which requests run is for [`schedule::sequence`](crate::schedule::sequence) to say.

pub(crate) mod controls;
pub(crate) mod state;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use trilith_core::request::flags;
use trilith_core::{CorrelationId, DataType, Error, Payload, Request, Result, Signature, Tensor};

use crate::clock::Nanos;
use crate::model::Model;
use crate::pending::Pending;
use crate::schedule::sequence::table::Seated;
use crate::schedule::sequence::{SequenceRules, SequenceStrategy};
pub use controls::{ControlKind, ControlSpec};
pub(crate) use state::Memory;
pub use state::StateSpec;

/// Fills rows without a request; longer ones are made for the occasion.
static ZEROS: [u8; 4096] = [0; 4096];

/// How a model's requests belong together: what `sequence_batching` says, with units resolved.
#[derive(Clone, Debug, Default)]
pub struct SequenceSpec {
    /// Which requests go together.
    pub strategy: SequenceStrategy,
    /// After which a sequence without requests gives up its slot.
    pub max_idle: Nanos,
    /// Inputs that tell the model about the sequence.
    pub controls: Vec<ControlSpec>,
    /// Tensors kept from one request of a sequence to the next.
    pub states: Vec<StateSpec>,
    /// Whether one request makes a sequence, and the model hands it back until it is done.
    pub iterative: bool,
}

/// A model's sequences, as far as requests and tensors are concerned.
pub(crate) struct Sequencing {
    spec: SequenceSpec,
    /// What the model takes and gives when it runs: what clients see, then controls and states.
    signature: Signature,
    next_id: AtomicU64,
}

impl Sequencing {
    pub(crate) fn new(spec: SequenceSpec, seen: &Signature) -> Self {
        let mut signature = seen.clone();
        signature.inputs.extend(spec.controls.iter().map(ControlSpec::tensor_spec));
        signature.inputs.extend(spec.states.iter().map(|state| state.input.clone()));
        let hidden = spec.states.iter().filter(|state| seen.output(&state.output.name).is_none());
        signature.outputs.extend(hidden.map(|state| state.output.clone()));
        Self { spec, signature, next_id: AtomicU64::new(1) }
    }

    /// What the model takes and gives when it runs.
    pub(crate) fn signature(&self) -> &Signature {
        &self.signature
    }

    pub(crate) fn states(&self) -> &[StateSpec] {
        &self.spec.states
    }

    pub(crate) fn rules(&self) -> SequenceRules {
        SequenceRules {
            strategy: self.spec.strategy.clone(),
            max_idle: self.spec.max_idle,
            iterative: self.spec.iterative,
            varying_states: self.spec.states.iter().any(|state| state.input.dims.contains(&-1)),
            max_batch_size: self.signature.max_batch_size,
        }
    }

    /// Checks what sequences ask of an admitted request; one without a sequence gets one where the model makes a
    /// sequence of each.
    pub(crate) fn admit(&self, request: &mut Request, batch_size: u32) -> Result<()> {
        let model = &self.signature.model;
        if batch_size > 1 {
            return Err(Error::invalid(format!(
                "a batch size of {batch_size} was given, but requests to model '{model}' belong to sequences and \
                 take a batch size of 1"
            ))
            .with_hint("send one request for each sequence; the server puts them together"));
        }
        if is_none(&request.correlation_id) {
            if !self.spec.iterative {
                return Err(Error::invalid(format!(
                    "requests to model '{model}' belong to sequences and must have a correlation id other than 0 \
                     and the empty text"
                ))
                .with_hint("give each sequence a 'sequence_id' of its own"));
            }
            request.correlation_id = CorrelationId::Number(self.next_id.fetch_add(1, Ordering::Relaxed));
            request.flags = flags::SEQUENCE_START;
        }
        self.check_kind(&request.correlation_id)
    }

    fn check_kind(&self, id: &CorrelationId) -> Result<()> {
        let mut controls = self.spec.controls.iter();
        let Some(control) = controls.find(|control| control.kind == ControlKind::CorrelationId) else {
            return Ok(());
        };
        let (given, takes_text) = (matches!(id, CorrelationId::Text(_)), control.datatype == DataType::Bytes);
        if given == takes_text {
            return Ok(());
        }
        let name = |text: bool| if text { "a text" } else { "a number" };
        Err(Error::invalid(format!(
            "a correlation id that is {} was given, model '{}' takes {}: its control input '{}' is {}",
            name(given),
            self.signature.model,
            name(takes_text),
            control.name,
            control.datatype
        )))
    }

    /// The requests of a batch with their controls and states; rows without one are filled like the first that has
    /// one.
    #[expect(clippy::vec_box, reason = "requests move between queue, batch and job as one pointer")]
    pub(crate) fn dress(
        &self,
        model: &Arc<Model>,
        seats: Vec<Option<Seated<Box<Pending>>>>,
    ) -> Vec<Box<Pending>> {
        let first = seats.iter().flatten().next();
        let filler = first.filter(|_| seats.iter().any(Option::is_none)).map(|first| self.make_filler(first));
        let mut requests = Vec::with_capacity(seats.len());
        for seat in seats {
            match (seat, &filler) {
                (Some(seated), _) => requests.push(self.seat(seated)),
                (None, Some(filler)) => requests.push(pad(model, filler.clone())),
                (None, None) => {}
            }
        }
        requests
    }

    fn seat(&self, seated: Seated<Box<Pending>>) -> Box<Pending> {
        let Seated { item: mut pending, memory } = seated;
        let request = &mut pending.request;
        let batched = self.signature.is_batched();
        for control in &self.spec.controls {
            request.inputs.push(control.tensor(batched, request.flags, Some(&request.correlation_id)));
        }
        if !self.spec.states.is_empty() {
            if request.flags & flags::SEQUENCE_START != 0 {
                memory.reset(&self.spec.states, batched);
            }
            request.inputs.extend(memory.tensors(&self.spec.states));
            pending.memory = Some(memory);
        }
        pending
    }

    /// A request that stands where a sequence has none: like another in datatypes and shapes, but all zero.
    fn make_filler(&self, like: &Seated<Box<Pending>>) -> Request {
        let request = &like.item.request;
        let batched = self.signature.is_batched();
        let mut inputs: Vec<Tensor> = request.inputs.iter().map(blank).collect();
        inputs.extend(self.spec.controls.iter().map(|control| control.tensor(batched, 0, None)));
        if !self.spec.states.is_empty() {
            let fresh = request.flags & flags::SEQUENCE_START != 0;
            inputs.extend(like.memory.blanks(&self.spec.states, batched, fresh));
        }
        Request { inputs, outputs: request.outputs.clone(), ..Request::default() }
    }

    /// Takes off what a run has added to a request, so that it can run again.
    pub(crate) fn undress(&self, request: &mut Request) {
        let added = self.spec.controls.len() + self.spec.states.len();
        request.inputs.truncate(request.inputs.len().saturating_sub(added));
        request.flags = 0;
    }
}

fn pad(model: &Arc<Model>, request: Request) -> Box<Pending> {
    let mut padding = Pending::spent(model);
    padding.request = request;
    padding
}

fn is_none(id: &CorrelationId) -> bool {
    match id {
        CorrelationId::Number(number) => *number == 0,
        CorrelationId::Text(text) => text.is_empty(),
    }
}

/// A tensor of the same extents, all zero; strings are empty.
fn blank(tensor: &Tensor) -> Tensor {
    let payload = zeros(tensor.datatype, &tensor.shape);
    Tensor::new(tensor.name.clone(), tensor.datatype, &tensor.shape, payload)
}

/// The bytes of a tensor that is all zero.
fn zeros(datatype: DataType, shape: &[i64]) -> Payload {
    // An empty string is the four bytes of its length.
    let width = datatype.size().unwrap_or(4);
    let length = trilith_core::tensor::element_count(shape).unwrap_or(0) * width;
    match ZEROS.get(..length) {
        Some(content) => bytes::Bytes::from_static(content).into(),
        None => vec![0; length].into(),
    }
}
