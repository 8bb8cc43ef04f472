//! The steps of an ensemble as a graph over its tensors.

use std::collections::BTreeMap;

use trilith_core::{RequestedOutput, Signature};

use crate::address::Address;

/// One step as the configuration has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepSpec {
    /// Name of the model that it runs.
    pub model: String,
    /// The namespace that the model lies in; may be empty.
    pub namespace: String,
    /// Its version; `None` for the highest that is ready.
    pub version: Option<i64>,
    /// Name of the model's input, name of the ensemble's tensor.
    pub inputs: Vec<(String, String)>,
    /// Name of the model's output, name of the ensemble's tensor.
    pub outputs: Vec<(String, String)>,
    /// Whether the model may answer a request any number of times.
    pub decoupled: bool,
    /// Whether outputs are asked for by name, so that the model can leave out the others; one that is asked for by
    /// name must be given.
    pub names_outputs: bool,
}

/// One step, its tensors by their numbers.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub model: String,
    pub namespace: String,
    pub version: Option<i64>,
    pub inputs: Vec<(String, usize)>,
    pub outputs: Vec<(String, usize)>,
    pub decoupled: bool,
    pub names_outputs: bool,
}

/// The steps of an ensemble as a graph over its tensors.
///
/// Tensors have a depth: those that stand behind a decoupled step come once for each of its responses and lie one
/// deeper than what the step was made from. A step takes tensors of one depth, and so do the ensemble's outputs.
#[derive(Clone, Debug)]
pub struct Graph {
    pub(crate) steps: Vec<Step>,
    /// Names of all tensors: first the ensemble's inputs, in the order of its signature.
    pub(crate) tensors: Vec<String>,
    /// The step that gives each tensor; `None` for inputs.
    pub(crate) origins: Vec<Option<usize>>,
    depths: Vec<usize>,
    /// What runs where every output is asked for.
    whole: Plan,
}

/// The part of a graph that a request needs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    /// Tensors that are asked for.
    pub outputs: Vec<usize>,
    /// Whether each step runs.
    pub runs: Vec<bool>,
    /// How often each tensor is used: by inputs of steps that run, and in the answer.
    pub uses: Vec<u32>,
    /// By tensor: the steps that run and take it.
    pub takers: Vec<Vec<usize>>,
    /// How deep the outputs lie.
    pub depth: usize,
}

impl Step {
    /// The model that it runs.
    pub(crate) fn address(&self) -> Address<'_> {
        Address { namespace: &self.namespace, name: &self.model }
    }
}

impl Graph {
    /// Makes the graph of an ensemble of that signature.
    ///
    /// Fails, saying why, where no order of the steps gives every tensor.
    pub fn new(signature: &Signature, steps: &[StepSpec]) -> Result<Self, String> {
        let mut names = Names::default();
        for input in &signature.inputs {
            names.number(&input.name);
        }
        let number = |names: &mut Names, pairs: &[(String, String)]| -> Vec<(String, usize)> {
            pairs.iter().map(|(name, tensor)| (name.clone(), names.number(tensor))).collect()
        };
        let steps: Vec<Step> = steps
            .iter()
            .map(|step| Step {
                model: step.model.clone(),
                namespace: step.namespace.clone(),
                version: step.version,
                inputs: number(&mut names, &step.inputs),
                outputs: number(&mut names, &step.outputs),
                decoupled: step.decoupled,
                names_outputs: step.names_outputs,
            })
            .collect();
        let inputs = signature.inputs.len();
        let mut graph = Self {
            origins: find_origins(&steps, &names.list, inputs)?,
            depths: Vec::new(),
            tensors: names.list,
            steps,
            whole: Plan::default(),
        };
        graph.depths = graph.find_depths(inputs)?;
        let outputs = graph.find_outputs(signature.outputs.iter().map(|output| output.name.as_str()))?;
        graph.whole = graph.plan(outputs)?;
        Ok(graph)
    }

    /// The part that is needed for the outputs that are asked for; all of it where none is named.
    pub(crate) fn plan_for(&self, requested: &[RequestedOutput]) -> Result<Plan, String> {
        if requested.is_empty() || requested.len() == self.whole.outputs.len() {
            return Ok(self.whole.clone());
        }
        let outputs = self.find_outputs(requested.iter().map(|output| output.name.as_str()))?;
        self.plan(outputs)
    }

    fn find_outputs<'a>(&self, names: impl Iterator<Item = &'a str>) -> Result<Vec<usize>, String> {
        names
            .map(|name| {
                let found = self.tensors.iter().position(|tensor| tensor == name);
                found.ok_or_else(|| format!("nothing gives output '{name}'"))
            })
            .collect()
    }

    /// Goes from the outputs back to what they are made from.
    fn plan(&self, outputs: Vec<usize>) -> Result<Plan, String> {
        let depth = outputs.first().map_or(0, |output| self.depths[*output]);
        if let Some(other) = outputs.iter().find(|output| self.depths[**output] != depth) {
            let names = (&self.tensors[outputs[0]], &self.tensors[*other]);
            return Err(format!("outputs '{}' and '{}' come with different responses", names.0, names.1));
        }
        let mut plan = Plan {
            runs: vec![false; self.steps.len()],
            uses: vec![0; self.tensors.len()],
            takers: vec![Vec::new(); self.tensors.len()],
            depth,
            outputs,
        };
        let mut wanted = plan.outputs.clone();
        while let Some(tensor) = wanted.pop() {
            plan.uses[tensor] += 1;
            let Some(step) = self.origins[tensor].filter(|step| !plan.runs[*step]) else { continue };
            plan.runs[step] = true;
            for (_, input) in &self.steps[step].inputs {
                wanted.push(*input);
                if !plan.takers[*input].contains(&step) {
                    plan.takers[*input].push(step);
                }
            }
        }
        Ok(plan)
    }

    /// How deep each tensor lies; fails on a circle and where a step takes tensors of different depths.
    fn find_depths(&self, inputs: usize) -> Result<Vec<usize>, String> {
        let mut depths: Vec<Option<usize>> =
            (0..self.tensors.len()).map(|tensor| (tensor < inputs).then_some(0)).collect();
        let mut left: Vec<&Step> = self.steps.iter().collect();
        while !left.is_empty() {
            let before = left.len();
            let mut waiting = Vec::new();
            for step in left {
                let taken: Option<Vec<usize>> =
                    step.inputs.iter().map(|(_, tensor)| depths[*tensor]).collect();
                let Some(taken) = taken else {
                    waiting.push(step);
                    continue;
                };
                let depth = taken.first().copied().unwrap_or(0);
                if taken.iter().any(|other| *other != depth) {
                    return Err(format!(
                        "the step of model '{}' takes tensors that come with different responses",
                        step.model
                    ));
                }
                for (_, tensor) in &step.outputs {
                    depths[*tensor] = Some(depth + usize::from(step.decoupled));
                }
            }
            if waiting.len() == before {
                return Err(format!("the step of model '{}' waits for itself in the end", waiting[0].model));
            }
            left = waiting;
        }
        Ok(depths.into_iter().map(Option::unwrap_or_default).collect())
    }
}

/// Numbers tensors in the order in which they are named.
#[derive(Default)]
struct Names {
    numbers: BTreeMap<String, usize>,
    list: Vec<String>,
}

impl Names {
    fn number(&mut self, name: &str) -> usize {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        self.numbers.insert(name.to_owned(), self.list.len());
        self.list.push(name.to_owned());
        self.list.len() - 1
    }
}

fn find_origins(steps: &[Step], names: &[String], inputs: usize) -> Result<Vec<Option<usize>>, String> {
    let mut origins = vec![None; names.len()];
    for (index, step) in steps.iter().enumerate() {
        for (_, tensor) in &step.outputs {
            if *tensor < inputs || origins[*tensor].replace(index).is_some() {
                return Err(format!("tensor '{}' comes from two places", names[*tensor]));
            }
        }
    }
    let lost = (inputs..names.len()).find(|tensor| origins[*tensor].is_none());
    match lost {
        Some(tensor) => Err(format!("nothing gives tensor '{}'", names[tensor])),
        None => Ok(origins),
    }
}
