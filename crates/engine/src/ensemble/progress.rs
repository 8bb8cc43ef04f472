//! How far one request to an ensemble has come: which tensors are there, which steps can start, what can be answered.
//!
//! Pure: it starts no step and answers nobody. Every response of a decoupled step opens a frame of its own, in which
//! the steps behind it run once; answers leave in the order of the frames.

use std::collections::VecDeque;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::ensemble::graph::{Graph, Plan};

/// Which frame: the number of the response at each decoupled step on the way there.
pub(crate) type Path = SmallVec<[u64; 2]>;

/// One run of one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub path: Path,
    pub step: usize,
}

/// A tensor that a step gave, or could have given and has left out.
pub(crate) type Given<T> = Option<T>;

/// A step that can start.
#[derive(Debug)]
pub(crate) struct Start<T> {
    pub place: Place,
    /// In the order of the step's inputs.
    pub inputs: Vec<Given<T>>,
}

#[derive(Clone, Debug)]
enum Slot<T> {
    /// Not there yet.
    Open,
    Filled(Given<T>),
    /// Everybody who needed it has it.
    Taken,
}

/// What belongs to the request, or to one response of a decoupled step. `R` is let go when it has been dealt with.
#[derive(Debug)]
struct Frame<T, R> {
    depth: usize,
    slots: Vec<Slot<T>>,
    uses: Vec<u32>,
    started: Vec<bool>,
    /// Responses of the decoupled step of this frame; the one in front is the next to be answered.
    children: VecDeque<Frame<T, R>>,
    /// Number of the child in front.
    first: u64,
    /// Whether the decoupled step has ended.
    is_source_ended: bool,
    /// Whether its answer has left; only where the outputs lie in it.
    is_answered: bool,
    receipt: Option<R>,
}

/// How far one request has come.
pub(crate) struct Progress<T, R = ()> {
    graph: Arc<Graph>,
    plan: Plan,
    root: Frame<T, R>,
    /// Steps that became ready and were not handed out.
    ready: Vec<Place>,
}

impl<T: Clone, R> Progress<T, R> {
    /// Begins with the ensemble's inputs, in the order of its signature.
    pub(crate) fn new(graph: Arc<Graph>, plan: Plan, inputs: Vec<Given<T>>) -> Self {
        let root = Frame::new(&graph, &plan, 0, None);
        let mut progress = Self { graph, plan, root, ready: Vec::new() };
        progress.fill(&Path::new(), inputs.into_iter().enumerate().collect());
        progress
    }

    /// Steps that can start now, each handed out once, with what they take.
    pub(crate) fn take_ready(&mut self) -> Vec<Start<T>> {
        let places = std::mem::take(&mut self.ready);
        places.into_iter().filter_map(|place| self.start(place)).collect()
    }

    /// Takes in a response of a step; `outputs` are tensors by number. Says whether it belongs anywhere.
    pub(crate) fn respond(
        &mut self,
        place: &Place,
        outputs: Vec<(usize, Given<T>)>,
        receipt: Option<R>,
    ) -> bool {
        if !self.graph.steps[place.step].decoupled {
            return self.fill(&place.path, outputs);
        }
        let Some(frame) = self.root.find_mut(&place.path) else { return false };
        let number = frame.first + frame.children.len() as u64;
        let depth = frame.depth + 1;
        frame.children.push_back(Frame::new(&self.graph, &self.plan, depth, receipt));
        let mut path = place.path.clone();
        path.push(number);
        self.fill(&path, outputs)
    }

    /// Takes note that a step gives no further response.
    pub(crate) fn end(&mut self, place: &Place) {
        if self.graph.steps[place.step].decoupled
            && let Some(frame) = self.root.find_mut(&place.path)
        {
            frame.is_source_ended = true;
        }
    }

    /// Answers that can leave now, in order, each with the outputs that are asked for.
    pub(crate) fn take_answers(&mut self) -> Vec<Vec<(usize, Given<T>)>> {
        let mut answers = Vec::new();
        self.root.answer(&self.plan, &mut answers);
        answers
    }

    /// Whether everything was answered.
    pub(crate) fn is_over(&self) -> bool {
        self.root.is_over(self.plan.depth)
    }

    /// Puts tensors into a frame; says whether there is such a frame.
    fn fill(&mut self, path: &Path, tensors: Vec<(usize, Given<T>)>) -> bool {
        let Some(frame) = self.root.find_mut(path) else { return false };
        for (tensor, value) in tensors {
            if !matches!(frame.slots[tensor], Slot::Open) || self.plan.uses[tensor] == 0 {
                continue;
            }
            frame.slots[tensor] = Slot::Filled(value);
            for step in &self.plan.takers[tensor] {
                let inputs = &self.graph.steps[*step].inputs;
                if !frame.started[*step] && inputs.iter().all(|(_, input)| frame.is_filled(*input)) {
                    frame.started[*step] = true;
                    self.ready.push(Place { path: path.clone(), step: *step });
                }
            }
        }
        frame.let_go_early(&self.plan, path.len());
        true
    }

    fn start(&mut self, place: Place) -> Option<Start<T>> {
        let frame = self.root.find_mut(&place.path)?;
        let inputs =
            self.graph.steps[place.step].inputs.iter().map(|(_, tensor)| frame.take(*tensor)).collect();
        Some(Start { place, inputs })
    }
}

impl<T: Clone, R> Frame<T, R> {
    fn new(graph: &Graph, plan: &Plan, depth: usize, receipt: Option<R>) -> Self {
        Self {
            depth,
            slots: vec![Slot::Open; graph.tensors.len()],
            uses: plan.uses.clone(),
            started: vec![false; graph.steps.len()],
            children: VecDeque::new(),
            first: 0,
            is_source_ended: false,
            is_answered: false,
            receipt,
        }
    }

    fn find_mut(&mut self, path: &[u64]) -> Option<&mut Self> {
        let Some((number, rest)) = path.split_first() else { return Some(self) };
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.children.get_mut(index)?.find_mut(rest)
    }

    fn is_filled(&self, tensor: usize) -> bool {
        !matches!(self.slots[tensor], Slot::Open)
    }

    /// Takes a tensor for one of its uses; the last one gets the tensor itself.
    fn take(&mut self, tensor: usize) -> Given<T> {
        self.uses[tensor] = self.uses[tensor].saturating_sub(1);
        if self.uses[tensor] > 0 {
            return if let Slot::Filled(value) = &self.slots[tensor] { value.clone() } else { None };
        }
        match std::mem::replace(&mut self.slots[tensor], Slot::Taken) {
            Slot::Filled(value) => value,
            Slot::Open | Slot::Taken => None,
        }
    }

    fn is_complete(&self, plan: &Plan) -> bool {
        plan.outputs.iter().all(|output| self.is_filled(*output))
    }

    /// A response behind the second decoupled step no longer holds that step back once it is complete, though others
    /// leave before it: what one execution gives in turn for several requests must not wait for its own order.
    fn let_go_early(&mut self, plan: &Plan, decoupled_steps: usize) {
        if decoupled_steps > 1 && self.depth == plan.depth && self.is_complete(plan) {
            self.receipt = None;
        }
    }

    fn answer(&mut self, plan: &Plan, answers: &mut Vec<Vec<(usize, Given<T>)>>) {
        if self.depth == plan.depth {
            if !self.is_answered && self.is_complete(plan) {
                self.is_answered = true;
                answers.push(plan.outputs.iter().map(|output| (*output, self.take(*output))).collect());
            }
            return;
        }
        while let Some(front) = self.children.front_mut() {
            front.answer(plan, answers);
            if !front.is_over(plan.depth) {
                return;
            }
            self.children.pop_front();
            self.first += 1;
        }
    }

    fn is_over(&self, depth: usize) -> bool {
        if self.depth == depth { self.is_answered } else { self.is_source_ended && self.children.is_empty() }
    }
}
