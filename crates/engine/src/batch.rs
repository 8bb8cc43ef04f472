//! Requests that run together.

use std::sync::Arc;

use smallvec::SmallVec;
use trilith_core::tensor::{Shape, element_count};
use trilith_core::{Error, Payload, Result, Tensor, TensorSpec};

pub use crate::job::Job;
use crate::job::Tally;
use crate::model::Model;
use crate::outputs;
use crate::pending::Pending;
use crate::statistics::ledger::{Execution, Phases};

/// Requests that run together, in the order in which they are to be answered. Dropped unanswered, it answers each
/// of them with an internal error that names the model.
pub struct Batch {
    model: Arc<Model>,
    jobs: Vec<Job>,
    size: usize,
    phases: Phases,
}

/// One input of a whole batch.
#[derive(Debug)]
pub struct Gathered<'a> {
    /// What the model says of it.
    pub spec: &'a TensorSpec,
    /// Extents over the whole batch (`reshape` applied), the batch dimension in front where there is one; of a ragged
    /// input only the number of elements in all.
    pub shape: Shape,
    /// Bytes of each job in order; together they are the batch's input.
    pub parts: Vec<&'a Payload>,
    /// Bytes in all.
    pub length: usize,
}

impl Batch {
    #[expect(clippy::vec_box, reason = "requests move between queue, batch and job as one pointer")]
    pub(crate) fn new(model: Arc<Model>, requests: Vec<Box<Pending>>, taken: u64) -> Self {
        let size = requests.iter().map(|pending| pending.batch_size as usize).sum();
        let jobs = requests.into_iter().map(Job::new).collect();
        Self { model, jobs, size, phases: Phases { taken, inputs_ready: None, executed: None } }
    }

    /// The model.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// Its jobs.
    pub fn jobs(&self) -> &[Job] {
        &self.jobs
    }

    /// Inferences in it: the sum of its jobs' batch sizes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Inputs that the jobs brought, in the order of the signature; an optional input is there only if all brought it
    /// (requests that differ in this do not share a batch).
    pub fn inputs(&self) -> Vec<Gathered<'_>> {
        let Some(first) = self.jobs.first() else { return Vec::new() };
        let signature = self.model.run_signature();
        let mut specs = signature.inputs.iter();
        let mut gathered = Vec::with_capacity(first.request().inputs.len());
        for (position, input) in first.request().inputs.iter().enumerate() {
            let Some(spec) = specs.find(|spec| spec.name == input.name) else { break };
            let tensors = self.jobs.iter().filter_map(|job| job.request().inputs.get(position));
            let mut shape = input.shape.clone();
            if spec.ragged {
                let elements =
                    tensors.clone().filter_map(|tensor| element_count(&tensor.shape)).sum::<usize>();
                shape = Shape::from_slice(&[elements as i64]);
            } else if signature.is_batched() {
                shape[0] = self.size as i64;
            }
            let parts: Vec<_> = tensors.map(|tensor| &tensor.payload).collect();
            let length = parts.iter().map(|part| part.len()).sum();
            gathered.push(Gathered { spec, shape, parts, length });
        }
        gathered
    }

    /// Inputs that tell the model about the batch as a whole: see [`BatchTensors`](crate::ragged::BatchTensors).
    ///
    /// Fails where a number does not fit its datatype.
    pub fn batch_inputs(&self) -> Result<Vec<Tensor>> {
        let mut generated = Vec::new();
        for spec in &self.model.spec().batch_tensors.inputs {
            generated.extend(spec.generate(&self.shapes(&spec.source))?);
        }
        Ok(generated)
    }

    /// The shapes in which the jobs have an input, in their order.
    fn shapes(&self, input: &str) -> Vec<&[i64]> {
        let inputs = self.jobs.iter().filter_map(|job| {
            let mut inputs = job.request().inputs.iter();
            inputs.find(|tensor| tensor.name == input)
        });
        inputs.map(|tensor| tensor.shape.as_slice()).collect()
    }

    /// Notes that the inputs are in place (end of `compute_input`).
    pub fn mark_inputs_ready(&mut self) {
        self.phases.inputs_ready = Some(self.model.clock().now());
    }

    /// Notes that the model has run (end of `compute_infer`).
    pub fn mark_executed(&mut self) {
        self.phases.executed = Some(self.model.clock().now());
    }

    /// Answers every job from outputs over the whole batch, each sliced along the batch dimension without copying.
    /// `outputs` carry the batch's own shapes; missing, unknown or misshapen ones become model errors.
    pub fn finish(mut self, outputs: Vec<Tensor>) {
        let shares = match self.share_out(outputs) {
            Ok(shares) => shares,
            Err(error) => return self.fail(&error),
        };
        let jobs = std::mem::take(&mut self.jobs);
        let mut answers = SmallVec::<[_; 4]>::new();
        for (job, share) in jobs.into_iter().zip(shares) {
            let result = job.respond_with(share);
            answers.push((job, result));
        }
        let ended = self.model.clock().now();
        let outcomes =
            answers.iter().filter_map(|(job, result)| job.outcome(result.is_ok(), ended)).collect();
        self.record(outcomes);
        for (job, result) in &answers {
            job.note_times(&self.phases, ended);
            job.note(&self.phases, ended, Some(result));
        }
        answers.into_iter().for_each(|(job, result)| job.answer(result, &self.phases));
    }

    /// The outputs of each job.
    fn share_out(&self, mut outputs: Vec<Tensor>) -> Result<Vec<Vec<Tensor>>> {
        let signature = self.model.run_signature();
        let batch_tensors = &self.model.spec().batch_tensors;
        let runs = batch_tensors.take_runs(&mut outputs);
        outputs::check(signature, &mut outputs, self.size)?;
        let mut shares = if self.jobs.len() == 1 {
            vec![outputs]
        } else {
            let sizes: SmallVec<[usize; 16]> = self.jobs.iter().map(Job::batch_size).collect();
            outputs::split(outputs, &sizes)?
        };
        for run in runs {
            batch_tensors.scatter(signature, run, |input| self.shapes(input), &mut shares)?;
        }
        Ok(shares)
    }

    /// Answers every job with the same error; they count as failures in the statistics.
    pub fn fail(mut self, error: &Error) {
        self.fail_jobs(error);
    }

    fn fail_jobs(&mut self, error: &Error) {
        let jobs = std::mem::take(&mut self.jobs);
        let ended = self.model.clock().now();
        self.record(jobs.iter().filter_map(|job| job.outcome(false, ended)).collect());
        for job in jobs {
            job.note(&self.phases, ended, None);
            job.answer(Err(error.clone()), &self.phases);
        }
    }

    fn record(&self, outcomes: SmallVec<[crate::statistics::ledger::Outcome; 4]>) {
        let execution = self.execution(outcomes);
        self.model.ledger().record(&execution, self.model.clock().as_ref());
    }

    fn execution(&self, outcomes: SmallVec<[crate::statistics::ledger::Outcome; 4]>) -> Execution {
        Execution { batch_size: self.size as u64, phases: self.phases, outcomes }
    }

    /// Takes the jobs out, to be answered one by one. Compute times are recorded when the last of them is answered.
    pub fn into_jobs(mut self) -> Vec<Job> {
        let mut jobs = std::mem::take(&mut self.jobs);
        let execution = self.execution(SmallVec::new());
        let tally = Arc::new(Tally::new(Arc::clone(&self.model), jobs.len(), execution));
        for job in &mut jobs {
            job.join(Arc::clone(&tally));
        }
        jobs
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        if !self.jobs.is_empty() {
            let message = format!("{} dropped the batch without an answer", self.model.title());
            self.fail_jobs(&Error::internal(message));
        }
    }
}
