//! Tensors that the server keeps from one request of a sequence to the next.

use bytes::Bytes;
use parking_lot::Mutex;
use smallvec::SmallVec;
use trilith_core::tensor::Shape;
use trilith_core::{Payload, Request, Signature, Tensor, TensorSpec};

use crate::sequencing::zeros;

/// A tensor that comes out of the model and goes in again with the next request of the sequence.
#[derive(Clone, Debug, PartialEq)]
pub struct StateSpec {
    /// As the model takes it.
    pub input: TensorSpec,
    /// As the model gives it.
    pub output: TensorSpec,
    /// Extents with which a sequence begins, without the batch dimension.
    pub initial_dims: Shape,
    /// With what a sequence begins; `None` for zeros.
    pub initial: Option<Bytes>,
}

/// One state of one sequence.
struct Held {
    shape: Shape,
    payload: Payload,
}

/// The states of one sequence, in the order of the configuration. Empty until the sequence starts.
#[derive(Default)]
pub(crate) struct Memory(Mutex<SmallVec<[Held; 2]>>);

impl Memory {
    /// Begins anew.
    pub(crate) fn reset(&self, states: &[StateSpec], batched: bool) {
        *self.0.lock() = states.iter().map(|state| Held::initial(state, batched)).collect();
    }

    /// The states as inputs.
    pub(crate) fn tensors(&self, states: &[StateSpec]) -> Vec<Tensor> {
        let held = self.0.lock();
        states.iter().zip(&*held).map(|(state, held)| held.tensor(state, held.payload.clone())).collect()
    }

    /// Inputs of the same extents, all zero; `fresh` says that the sequence is about to start.
    pub(crate) fn blanks(&self, states: &[StateSpec], batched: bool, fresh: bool) -> Vec<Tensor> {
        let held = self.0.lock();
        let shape = |index: usize, state: &StateSpec| match held.get(index) {
            Some(held) if !fresh => held.shape.clone(),
            _ => full_shape(state, batched),
        };
        let states = states.iter().enumerate();
        states
            .map(|(index, state)| {
                let shape = shape(index, state);
                let datatype = state.input.datatype;
                Tensor::new(state.input.name.clone(), datatype, &shape, zeros(datatype, &shape))
            })
            .collect()
    }

    /// Whether the states of both sequences have the same extents; one that is about to start has those of every
    /// other that is.
    pub(crate) fn goes_with(&self, other: &Self, fresh: bool, other_fresh: bool) -> bool {
        if fresh || other_fresh {
            return fresh && other_fresh;
        }
        let shapes = |memory: &Self| -> SmallVec<[Shape; 2]> {
            memory.0.lock().iter().map(|held| held.shape.clone()).collect()
        };
        shapes(self) == shapes(other)
    }

    /// Keeps a state as the model gave it. The bytes are copied: a view would keep a whole batch of them.
    pub(crate) fn keep(&self, position: usize, shape: Shape, payload: &Payload) {
        let mut content = vec![0; payload.len()];
        payload.copy_to(&mut content);
        if let Some(held) = self.0.lock().get_mut(position) {
            *held = Held { shape, payload: content.into() };
        }
    }
}

impl Held {
    fn initial(state: &StateSpec, batched: bool) -> Self {
        let shape = full_shape(state, batched);
        let payload = match &state.initial {
            Some(content) => content.clone().into(),
            None => zeros(state.input.datatype, &shape),
        };
        Self { shape, payload }
    }

    fn tensor(&self, state: &StateSpec, payload: Payload) -> Tensor {
        Tensor::new(state.input.name.clone(), state.input.datatype, &self.shape, payload)
    }
}

fn full_shape(state: &StateSpec, batched: bool) -> Shape {
    batched.then_some(1).into_iter().chain(state.initial_dims.iter().copied()).collect()
}

/// Takes the states out of a model's outputs, but for those that the client sees and wants. They go to the memory of
/// the sequence or, where that is in another process, are given back.
pub(crate) fn collect(
    states: &[StateSpec],
    seen: &Signature,
    request: &Request,
    outputs: &mut Vec<Tensor>,
    memory: Option<&Memory>,
) -> Vec<Tensor> {
    let mut rest = Vec::new();
    for (position, state) in states.iter().enumerate() {
        let name = &state.output.name;
        let Some(index) = outputs.iter().position(|output| output.name == *name) else { continue };
        if let Some(memory) = memory {
            memory.keep(position, outputs[index].shape.clone(), &outputs[index].payload);
        }
        let wanted =
            request.outputs.is_empty() || request.outputs.iter().any(|requested| requested.name == *name);
        if seen.output(name).is_none() || !wanted {
            let state = outputs.remove(index);
            if memory.is_none() {
                rest.push(state);
            }
        }
    }
    rest
}
