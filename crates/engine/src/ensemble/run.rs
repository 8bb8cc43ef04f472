//! One request to an ensemble: steps that are ready start, answers leave, and in the end exactly one is the last.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use trilith_core::request::Cancellation;
use trilith_core::{Code, ComputeSums, Error, Flow, Request, RequestedOutput, Response, Result};

use crate::calls::{Origin, Seat};
use crate::clock::Nanos;
use crate::engine::Engine;
use crate::ensemble::answer::compose;
use crate::ensemble::graph::Graph;
use crate::ensemble::piece::{Mark, Piece, fit};
use crate::ensemble::progress::{Given, Place, Progress, Start};
use crate::model::{InFlight, Model};
use crate::reply::{Answer, Recipient, Reply};
use crate::statistics::ledger::{Failure, Outcome};
use crate::ticket::Ticket;
use crate::trace;

/// How deep ensembles may lie in each other: more than anybody builds on purpose, and little enough for the stack of
/// the thread that starts them all at once.
pub(crate) const DEEPEST: u32 = 32;

/// Who asks an ensemble.
#[derive(Clone, Default)]
pub(crate) struct Whence {
    /// The instance that waits for the answer, if one does: it waits for every step.
    pub seat: Option<Seat>,
    /// How many ensembles it is a step of, one in the other.
    pub depth: u32,
}

/// One request to an ensemble.
pub(crate) struct Run {
    ensemble: Arc<Model>,
    graph: Arc<Graph>,
    engine: Arc<Engine>,
    whence: Whence,
    /// The models of the steps that run, which stay until the end whatever is unloaded meanwhile.
    models: Vec<Option<InFlight>>,
    /// What was asked, but for the inputs.
    request: Request,
    rows: u32,
    queued: Nanos,
    taken: Nanos,
    /// Of the steps: given with that of the request, or alone where one of them has failed.
    cancellation: Cancellation,
    compute: ComputeSums,
    desk: Mutex<Desk>,
    /// Touched only by the one who drives; `None` once the last answer has left.
    course: Mutex<Option<Course>>,
}

/// What has happened and what is under way.
#[derive(Default)]
struct Desk {
    events: VecDeque<Event>,
    /// Whether somebody deals with the events; those that come meanwhile are left to the same one. So answers leave
    /// one after the other, and a step that is answered at once does not start the next from within itself.
    is_driven: bool,
    tickets: BTreeMap<u64, Ticket>,
    last: u64,
}

struct Course {
    progress: Progress<Piece, Receipt>,
    recipient: Recipient,
}

enum Event {
    Begin,
    Answered { call: Arc<Call>, answer: Answer, receipt: Option<Receipt> },
}

/// One step's request.
struct Call {
    number: u64,
    place: Place,
    /// How many rows it has; 0 where its model has no batch dimension.
    rows: u32,
    mark: Mark,
}

/// Notes that a response of a decoupled step was dealt with, when it is let go.
struct Receipt {
    flow: Flow,
    bytes: usize,
}

impl Drop for Receipt {
    fn drop(&mut self) {
        self.flow.note_read(self.bytes);
    }
}

/// Begins to run an admitted request; `None` where it was answered already.
pub(crate) fn begin(
    (engine, graph): (Arc<Engine>, Arc<Graph>),
    whence: Whence,
    (mut request, rows, queued): (Request, u32, Nanos),
    recipient: Recipient,
) -> Option<Arc<Run>> {
    let ensemble = Arc::clone(recipient.model());
    let inputs = take_inputs(&ensemble, &mut request, rows);
    let prepared = check_depth(whence.depth).and_then(|()| {
        let plan = graph.plan_for(&request.outputs).map_err(Error::internal)?;
        let models =
            pin(&engine, &graph, &plan.runs).map_err(|(step, error)| named(&ensemble, &graph, step, error));
        Ok((models?, plan))
    });
    let (models, plan) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            ensemble.ledger().record_failure(Failure::Other, 0);
            recipient.refuse(error);
            trace::note_end(&request);
            return None;
        }
    };
    let progress = Progress::new(Arc::clone(&graph), plan, inputs);
    let run = Arc::new(Run {
        taken: ensemble.clock().now(),
        cancellation: request.cancellation.part(),
        compute: ComputeSums::new(),
        desk: Mutex::default(),
        course: Mutex::new(Some(Course { progress, recipient })),
        ensemble,
        graph,
        engine,
        whence,
        models,
        request,
        rows,
        queued,
    });
    run.accept(Event::Begin);
    Some(run)
}

fn check_depth(depth: u32) -> Result<()> {
    if depth < DEEPEST {
        return Ok(());
    }
    let message = format!("ensembles lie in each other more than {DEEPEST} deep");
    Err(Error::model(message).with_hint("they may need each other in a circle"))
}

/// The inputs in the order of the signature; those that are optional and were left out as such.
fn take_inputs(ensemble: &Model, request: &mut Request, rows: u32) -> Vec<Given<Piece>> {
    let signature = &ensemble.spec().signature;
    let rows = if signature.is_batched() { rows } else { 0 };
    let mut given = std::mem::take(&mut request.inputs).into_iter().peekable();
    // Admission brought them into that order.
    let next = |name: &str| given.next_if(|tensor| tensor.name == name);
    let tensors = signature.inputs.iter().map(|spec| spec.name.as_str()).map(next);
    tensors.map(|tensor| tensor.map(|tensor| Piece { tensor, rows, mark: None })).collect()
}

/// The model of each step that runs.
fn pin(engine: &Engine, graph: &Graph, runs: &[bool]) -> Result<Vec<Option<InFlight>>, (usize, Error)> {
    let steps = graph.steps.iter().zip(runs).enumerate();
    steps
        .map(|(index, (step, runs))| match runs {
            true => engine.pin(step.address(), step.version).map(Some).map_err(|error| (index, error)),
            false => Ok(None),
        })
        .collect()
}

fn named(ensemble: &Model, graph: &Graph, step: usize, error: Error) -> Error {
    let name = &ensemble.spec().signature.model;
    let message = format!(
        "in ensemble '{name}', step[{step}] (model '{}'): {}",
        graph.steps[step].model, error.message
    );
    Error { message: message.into(), ..error }
}

impl Run {
    /// The ensemble itself.
    pub(crate) fn ensemble(&self) -> &Arc<Model> {
        &self.ensemble
    }

    /// Withdraws the request: steps that wait leave their queues, those that run are told.
    pub(crate) fn cancel(&self) {
        self.cancellation.cancel();
        let tickets: Vec<Ticket> = self.desk.lock().tickets.values().cloned().collect();
        tickets.iter().for_each(Ticket::cancel);
    }

    /// Deals with an event, and with all that follow from it, or leaves it to whoever is at it.
    fn accept(self: &Arc<Self>, event: Event) {
        {
            let mut desk = self.desk.lock();
            desk.events.push_back(event);
            if std::mem::replace(&mut desk.is_driven, true) {
                return;
            }
        }
        let driving = Driving(self);
        while let Some(event) = driving.next_event() {
            self.handle(event);
        }
    }

    fn handle(self: &Arc<Self>, event: Event) {
        let mut guard = self.course.lock();
        let Some(course) = guard.as_mut() else { return };
        match self.advance(course, event) {
            Ok(false) => {}
            Ok(true) => *guard = None,
            Err(error) => {
                let course = guard.take();
                drop(guard);
                if let Some(course) = course {
                    self.fail(course, error);
                }
            }
        }
    }

    /// Goes on after an event as far as it can; says whether the last answer has left.
    fn advance(self: &Arc<Self>, course: &mut Course, event: Event) -> Result<bool> {
        if let Event::Answered { call, answer, receipt } = event {
            self.take_in(course, &call, answer, receipt)?;
        }
        let answers = course.progress.take_answers();
        let is_over = course.progress.is_over();
        self.answer(&mut course.recipient, answers, is_over)?;
        if is_over {
            return Ok(true);
        }
        for start in course.progress.take_ready() {
            if self.cancellation.is_cancelled() {
                let message = format!("the request was cancelled in {}", self.ensemble.title());
                return Err(Error::cancelled(message));
            }
            self.start(start);
        }
        Ok(false)
    }

    /// Takes in an answer of a step.
    fn take_in(
        &self,
        course: &mut Course,
        call: &Call,
        answer: Answer,
        receipt: Option<Receipt>,
    ) -> Result<()> {
        if answer.is_final {
            self.desk.lock().tickets.remove(&call.number);
        }
        let step = call.place.step;
        let fault = |error| named(&self.ensemble, &self.graph, step, error);
        match answer.result {
            Some(Ok(response)) => {
                let pieces = self.take_apart(call, response).map_err(fault)?;
                course.progress.respond(&call.place, pieces, receipt);
            }
            Some(Err(error)) => return Err(fault(error)),
            None if self.graph.steps[step].decoupled => {}
            None => return Err(fault(Error::internal("it ended without an answer"))),
        }
        if answer.is_final {
            course.progress.end(&call.place);
        }
        Ok(())
    }

    /// The tensors of a response by number; outputs that the model has left out as such.
    fn take_apart(&self, call: &Call, mut response: Response) -> Result<Vec<(usize, Given<Piece>)>> {
        let mark = Arc::new(Mark::of(&response, &call.mark)?);
        let outputs = &self.graph.steps[call.place.step].outputs;
        let pieces = outputs.iter().map(|(name, number)| {
            let position = response.outputs.iter().position(|output| output.name == *name);
            let tensor = position.map(|position| response.outputs.swap_remove(position));
            (*number, tensor.map(|tensor| Piece { tensor, rows: call.rows, mark: Some(Arc::clone(&mark)) }))
        });
        Ok(pieces.collect())
    }

    fn answer(
        &self,
        recipient: &mut Recipient,
        answers: Vec<Vec<(usize, Given<Piece>)>>,
        is_over: bool,
    ) -> Result<()> {
        let mut left = answers.len();
        for pieces in answers {
            let parts = (self.ensemble.spec(), &*self.graph);
            let result = Ok(compose(parts, &self.request, self.rows, pieces)?);
            trace::note_answer(&self.request, &result);
            left -= 1;
            let is_final = is_over && left == 0;
            if is_final {
                self.count_success();
            }
            recipient.send(Answer { result: Some(result), is_final });
            if is_final {
                trace::note_end(&self.request);
                return Ok(());
            }
        }
        if is_over {
            self.count_success();
            recipient.send(Answer { result: None, is_final: true });
            trace::note_end(&self.request);
        }
        Ok(())
    }

    fn count_success(&self) {
        let clock = self.ensemble.clock();
        let outcome =
            Outcome { queued: self.queued, ended: clock.now(), batch_size: self.rows, answered: true };
        let times = self.compute.get();
        self.ensemble.ledger().record_composed(outcome, self.taken, times, clock.as_ref());
        if let Some(larger) = &self.request.compute {
            larger.add(times);
        }
    }

    /// Answers, finally, with an error, and withdraws what is under way.
    fn fail(&self, course: Course, error: Error) {
        let reason = if error.code == Code::Cancelled { Failure::Canceled } else { Failure::Other };
        let waited = self.ensemble.clock().now().saturating_sub(self.queued);
        self.ensemble.ledger().record_failure(reason, waited);
        // Responses that wait for their turn are let go first, so that no step waits for their being read.
        drop(course.progress);
        course.recipient.refuse(error);
        trace::note_end(&self.request);
        self.cancel();
    }

    /// Sends a step's request on its way.
    fn start(self: &Arc<Self>, start: Start<Piece>) {
        let Start { place, inputs } = start;
        let Some(model) = self.models[place.step].as_ref().map(InFlight::model) else { return };
        let (request, mark) = self.make_request(model, &place, inputs);
        let takes_many = self.graph.steps[place.step].decoupled;
        let number = {
            let mut desk = self.desk.lock();
            desk.last += 1;
            desk.last
        };
        let is_batched = model.spec().signature.is_batched();
        let extent = request.inputs.first().and_then(|input| input.shape.first());
        let rows =
            if is_batched { extent.and_then(|rows| u32::try_from(*rows).ok()).unwrap_or(1) } else { 0 };
        let call = Arc::new(Call { number, place, rows, mark });
        let reply = StepReply { run: Arc::clone(self), call, flow: request.flow.clone() };
        let origin = Origin { seat: self.whence.seat.clone(), takes_many, sake: None };
        let from = (origin, self.whence.depth + 1);
        let ticket = self.engine.call(from, InFlight::new(model), request, Box::new(reply));
        let withdrawn = ticket.clone();
        self.desk.lock().tickets.insert(number, ticket);
        // Who cancelled meanwhile did not see the ticket.
        if self.cancellation.is_cancelled() {
            withdrawn.cancel();
        }
    }

    fn make_request(&self, model: &Model, place: &Place, inputs: Vec<Given<Piece>>) -> (Request, Mark) {
        let step = &self.graph.steps[place.step];
        let signature = &model.spec().signature;
        let mark = inputs.iter().flatten().find_map(|piece| piece.mark.as_deref().cloned());
        let mark = mark.unwrap_or_else(|| Mark {
            correlation_id: self.request.correlation_id.clone(),
            flags: self.request.flags,
        });
        let mut tensors = Vec::with_capacity(inputs.len());
        for ((name, _), piece) in step.inputs.iter().zip(inputs) {
            let Some(Piece { mut tensor, rows, .. }) = piece else { continue };
            tensor.name.clone_from(name);
            tensor.parameters = trilith_core::Parameters::new();
            if let Some(input) = signature.input(name) {
                fit(&mut tensor.shape, rows, &input.dims, signature.is_batched());
            }
            tensors.push(tensor);
        }
        let named = step.outputs.iter().filter(|_| step.names_outputs);
        let outputs = named
            .map(|(name, _)| RequestedOutput { name: name.clone(), ..RequestedOutput::default() })
            .collect();
        let request = Request {
            model: step.model.clone(),
            version: step.version,
            id: self.request.id.clone(),
            parameters: self.request.parameters.clone(),
            inputs: tensors,
            outputs,
            correlation_id: mark.correlation_id.clone(),
            flags: mark.flags,
            priority: self.request.priority,
            timeout_microseconds: self.request.timeout_microseconds,
            cancellation: self.cancellation.clone(),
            flow: step.decoupled.then(|| Flow::before(self.request.flow.as_ref())),
            compute: Some(self.compute.clone()),
            is_volatile: self.request.is_volatile,
            trace: self.request.trace.clone(),
            wording: None,
        };
        (request, mark)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if let Some(course) = self.course.get_mut().take() {
            let error = Error::internal(format!("{} ended without an answer", self.ensemble.title()));
            self.fail(course, error);
        }
    }
}

/// The right to deal with events, given back even if something panics.
struct Driving<'a>(&'a Run);

impl Driving<'_> {
    fn next_event(&self) -> Option<Event> {
        let mut desk = self.0.desk.lock();
        let event = desk.events.pop_front();
        // Under the same lock that found nothing, so that no event falls between.
        desk.is_driven = event.is_some();
        event
    }
}

impl Drop for Driving<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.desk.lock().is_driven = false;
        }
    }
}

/// Takes the answers of one step's request.
struct StepReply {
    run: Arc<Run>,
    call: Arc<Call>,
    flow: Option<Flow>,
}

impl Reply for StepReply {
    fn send(&mut self, answer: Answer) {
        let response = answer.result.as_ref().and_then(|result| result.as_ref().ok());
        let receipt = self.flow.as_ref().zip(response).map(|(flow, response)| {
            let bytes = response.byte_size();
            flow.note_sent(bytes);
            Receipt { flow: flow.clone(), bytes }
        });
        self.run.accept(Event::Answered { call: Arc::clone(&self.call), answer, receipt });
    }
}
