//! The requests that a worker has, as the server keeps them.

use std::collections::BTreeMap;
use std::sync::Arc;

use trilith_core::Error;
use trilith_core::flow::Amount;
use trilith_core::request::Cancellation;
use trilith_core::trace::Trace;
use trilith_engine::{Batch, Job};

use crate::message::ToWorker;
use crate::transcode::Returned;

/// A batch that the worker was given.
pub(crate) struct Opened {
    /// The batch, as long as nothing of it was answered.
    whole: Option<Box<Batch>>,
    /// After that, what is left to be answered.
    jobs: Vec<Option<Job>>,
    /// What the worker was told of each request.
    told: Vec<Told>,
}

#[derive(Clone, Copy, Default)]
struct Told {
    is_cancelled: bool,
    read: Amount,
}

/// Everything that the worker has, by number of the batch.
#[derive(Default)]
pub(crate) struct OpenedBatches(BTreeMap<u64, Opened>);

impl OpenedBatches {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keeps a batch that is given to the worker.
    pub(crate) fn add(&mut self, id: u64, batch: Box<Batch>) {
        let told = vec![Told::default(); batch.jobs().len()];
        self.0.insert(id, Opened { whole: Some(batch), jobs: Vec::new(), told });
    }

    /// Whether something of a batch is left to be answered.
    pub(crate) fn contains(&self, batch: u64) -> bool {
        self.0.contains_key(&batch)
    }

    /// Hands on one answer to one request; nothing where it was answered already.
    pub(crate) fn answer(&mut self, (batch, index): (u64, u32), answer: Option<Returned>, is_final: bool) {
        let Some(jobs) = self.0.get_mut(&batch).map(Opened::split) else { return };
        let Some(slot) = jobs.get_mut(index as usize) else { return };
        if !is_final {
            if let (Some(job), Some(Returned::Answered(result))) = (slot, answer) {
                job.relay(result);
            }
            return;
        }
        let job = slot.take();
        if jobs.iter().all(Option::is_none) {
            self.0.remove(&batch);
        }
        match (job, answer) {
            (Some(job), Some(Returned::Answered(result))) => job.settle(result),
            (Some(job), Some(Returned::HandedBack)) => job.hand_back(),
            (Some(job), None) => job.finish_without_response(),
            (None, _) => {}
        }
    }

    /// Takes out a batch that is answered as a whole; a request that is left out is answered by its being dropped.
    /// `None` if the worker does not have it.
    pub(crate) fn take(&mut self, batch: u64) -> Option<Vec<Option<Job>>> {
        self.0.remove(&batch).map(|mut opened| std::mem::take(opened.split()))
    }

    /// What the worker is to be told: requests that were cancelled, answers that were read.
    pub(crate) fn news(&mut self) -> Vec<ToWorker<'static>> {
        let mut news = Vec::new();
        for (id, opened) in &mut self.0 {
            opened.gather_news(*id, &mut news);
        }
        news
    }

    /// The trace of that number, if it is that of a request which is not answered yet.
    pub(crate) fn trace(&self, id: u64) -> Option<Arc<dyn Trace>> {
        let mut traces =
            self.0.values().flat_map(Opened::jobs).filter_map(|job| job.request().trace.as_ref());
        traces.find(|trace| trace.id() == id).cloned()
    }

    /// What cancels the requests that are not answered yet, of one batch or of all.
    pub(crate) fn cancellations(&self, batch: Option<u64>) -> impl Iterator<Item = &Cancellation> {
        let wanted = self.0.iter().filter(move |(id, _)| batch.is_none_or(|batch| batch == **id));
        wanted.flat_map(|(_, opened)| opened.jobs()).map(|job| &job.request().cancellation)
    }

    /// Fails everything.
    pub(crate) fn fail(&mut self, error: &Error) {
        for (_, opened) in std::mem::take(&mut self.0) {
            if let Some(batch) = opened.whole {
                batch.fail(error);
            }
            opened.jobs.into_iter().flatten().for_each(|job| job.fail(error.clone()));
        }
    }
}

impl Opened {
    /// The jobs, one by one; the first call ends the time that counts as execution.
    fn split(&mut self) -> &mut Vec<Option<Job>> {
        if let Some(mut batch) = self.whole.take() {
            batch.mark_executed();
            self.jobs = batch.into_jobs().into_iter().map(Some).collect();
        }
        &mut self.jobs
    }

    /// What is left to be answered.
    fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.whole.iter().flat_map(|batch| batch.jobs()).chain(self.jobs.iter().flatten())
    }

    fn gather_news(&mut self, batch: u64, news: &mut Vec<ToWorker<'static>>) {
        let mut look = |index: usize, job: &Job, told: &mut Told| {
            let index = index as u32;
            if !told.is_cancelled && job.is_cancelled() {
                told.is_cancelled = true;
                news.push(ToWorker::Cancel { batch, index });
            }
            let Some(flow) = &job.request().flow else { return };
            let read = flow.read();
            if read != told.read {
                told.read = read;
                news.push(ToWorker::Read { batch, index, answers: read.answers, bytes: read.bytes });
            }
        };
        let whole = self.whole.iter().flat_map(|batch| batch.jobs()).map(Some);
        let jobs = whole.chain(self.jobs.iter().map(Option::as_ref));
        for (index, (job, told)) in jobs.zip(&mut self.told).enumerate() {
            if let Some(job) = job {
                look(index, job, told);
            }
        }
    }
}
