//! Laws that hold whatever comes in whatever order.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use proptest::prelude::*;
use trilith_core::request::Cancellation;
use trilith_core::{DataType, Error, Request, Tensor, bytes_tensor};
use trilith_engine::{Batch, ModelSpec, Port, QueuePolicy, SchedulerSpec, Ticket, TimeoutAction, Turn};

use crate::support::{Alarm, Inbox, Server, echo, floats, spec, take, tensor_spec, with_inputs};

const LIMIT: u32 = 8;

#[derive(Clone, Debug)]
enum Step {
    Push { size: u32, length: usize, priority: u64, timeout: u64 },
    Next(usize),
    Finish(usize, Ending),
    Cancel(usize),
    Vanish(usize),
    Advance(u64),
    Expire,
    ReplacePort(usize),
    Close,
}

#[derive(Clone, Copy, Debug)]
enum Ending {
    Echo,
    Fail,
    Drop,
    OneByOne,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let ending = prop_oneof![
        3 => Just(Ending::Echo), 1 => Just(Ending::Fail), 1 => Just(Ending::Drop), 2 => Just(Ending::OneByOne)
    ];
    let push = (1..=4_u32, 1..3_usize, 0..4_u64, 0..3_u64)
        .prop_map(|(size, length, priority, timeout)| Step::Push { size, length, priority, timeout });
    let step = prop_oneof![
        40 => push,
        30 => (0..3_usize).prop_map(Step::Next),
        20 => (any::<usize>(), ending).prop_map(|(which, ending)| Step::Finish(which, ending)),
        5 => any::<usize>().prop_map(Step::Cancel),
        5 => any::<usize>().prop_map(Step::Vanish),
        10 => (0..3000_u64).prop_map(Step::Advance),
        5 => Just(Step::Expire),
        3 => (0..3_usize).prop_map(Step::ReplacePort),
        1 => Just(Step::Close),
    ];
    prop::collection::vec(step, 0..120)
}

fn schedulers() -> impl Strategy<Value = SchedulerSpec> {
    let policy =
        (any::<bool>(), 0..3_u64, any::<bool>(), 0..6_u32).prop_map(|(delay, timeout, own, bound)| {
            QueuePolicy {
                timeout_action: if delay { TimeoutAction::Delay } else { TimeoutAction::Reject },
                default_timeout: timeout * 1000,
                allow_timeout_override: own,
                max_queue_size: bound,
            }
        });
    let preferred = prop::collection::vec(1..=LIMIT, 0..3);
    (any::<bool>(), preferred, 0..3_u64, any::<bool>(), 0..3_u64, policy).prop_map(
        |(dynamic, preferred_batch_sizes, delay, preserve_ordering, priority_levels, default_policy)| {
            SchedulerSpec {
                dynamic,
                preferred_batch_sizes,
                max_queue_delay: delay * 1000,
                preserve_ordering,
                priority_levels,
                default_priority_level: priority_levels,
                default_policy,
                policies: BTreeMap::new(),
            }
        },
    )
}

/// An instance: its port, its waker's count at its last question, and what it was told to wait for.
struct Instance {
    port: Port,
    alarm: Arc<Alarm>,
    /// While it waits: the wake-ups it had seen, and its timer.
    waiting: Option<(usize, Option<u64>)>,
}

/// A server driven step by step, with everything that ever happened to it.
struct World {
    server: Server,
    instances: Vec<Instance>,
    running: Vec<Batch>,
    asked: Vec<(Inbox, Ticket, Cancellation)>,
    /// Names of requests in the order in which they began to run.
    begun: Vec<String>,
    /// Names of requests in the order in which they were answered.
    answered: Arc<Mutex<Vec<String>>>,
    closed: bool,
}

impl World {
    fn new(scheduler: SchedulerSpec) -> Self {
        let mut model = ModelSpec { scheduler, ..spec(LIMIT) };
        model.signature.inputs[0].dims = [-1].into_iter().collect();
        model.signature.outputs[0].dims = [-1].into_iter().collect();
        let server = Server::new(model);
        let instances = (0..3).map(|_| instance(&server)).collect();
        Self {
            server,
            instances,
            running: Vec::new(),
            asked: Vec::new(),
            begun: Vec::new(),
            answered: Arc::default(),
            closed: false,
        }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Push { size, length, priority, timeout } => self.push(size, length, priority, timeout),
            Step::Next(instance) => self.next(instance),
            Step::Finish(which, ending) if !self.running.is_empty() => {
                let batch = self.running.swap_remove(which % self.running.len());
                end(batch, ending);
            }
            Step::Cancel(which) if !self.asked.is_empty() => {
                self.asked[which % self.asked.len()].1.cancel();
            }
            Step::Vanish(which) if !self.asked.is_empty() => {
                self.asked[which % self.asked.len()].2.cancel();
            }
            Step::Finish(..) | Step::Cancel(_) | Step::Vanish(_) => {}
            Step::Advance(nanoseconds) => self.server.clock.advance(nanoseconds),
            Step::Expire => {
                self.server.engine.expire(trilith_engine::Clock::now(self.server.clock.as_ref()));
            }
            Step::ReplacePort(which) => self.instances[which] = instance(&self.server),
            Step::Close => {
                self.server.model.close();
                self.closed = true;
            }
        }
    }

    fn push(&mut self, size: u32, length: usize, priority: u64, timeout: u64) {
        let values = vec![0.0; size as usize * length];
        let name = self.asked.len().to_string();
        let request = Request {
            id: name.clone(),
            priority,
            timeout_microseconds: timeout,
            ..with_inputs(vec![floats("IN", &[i64::from(size), length as i64], &values)])
        };
        let (inbox, answered) = (Inbox::default(), Arc::clone(&self.answered));
        let cancellation = request.cancellation.clone();
        let mut reply = inbox.reply();
        let ticket = self.server.engine.infer(
            request,
            Box::new(move |answer| {
                answered.lock().push(name.clone());
                reply.send(answer);
            }),
        );
        self.asked.push((inbox, ticket, cancellation));
    }

    fn next(&mut self, which: usize) {
        let instance = &mut self.instances[which];
        let seen = instance.alarm.count();
        let waker = std::task::Waker::from(Arc::clone(&instance.alarm));
        match instance.port.next(&waker) {
            Turn::Batch(batch) => {
                instance.waiting = None;
                assert!(batch.size() <= LIMIT as usize, "a batch of {}", batch.size());
                self.begun.extend(batch.jobs().iter().map(|job| job.request().id.clone()));
                self.running.push(*batch);
            }
            Turn::Wait { until } => instance.waiting = Some((seen, until)),
            Turn::Closed => {
                instance.waiting = None;
                assert!(self.closed);
            }
        }
    }

    /// No request waits beside an idle instance, unless one was woken and will ask, or one watches the clock.
    fn check_wakes(&self) {
        let waiting: Vec<_> = self
            .instances
            .iter()
            .filter_map(|instance| {
                instance.waiting.map(|(seen, until)| (instance.alarm.count() > seen, until))
            })
            .collect();
        let cared_for = waiting.iter().any(|(woken, until)| *woken || until.is_some());
        let idle = !waiting.is_empty();
        assert!(cared_for || !idle || self.server.model.statistics().pending == 0, "a lost wake-up");
        for instance in &self.instances {
            let seen = instance.waiting.map_or(instance.alarm.count(), |(seen, _)| seen);
            assert!(instance.alarm.count() - seen <= 1, "woken twice for one question");
        }
    }

    fn end(mut self, in_order: bool) {
        for batch in self.running.drain(..) {
            end(batch, Ending::Echo);
        }
        self.server.model.close();
        for (inbox, ..) in &self.asked {
            assert_eq!((inbox.count(), inbox.finals()), (1, 1));
        }
        assert_eq!(self.server.engine.in_flight(), 0);
        let statistics = self.server.model.statistics();
        assert_eq!(statistics.success.count + statistics.fail.count, self.asked.len() as u64);
        if in_order {
            let answered = self.answered.lock();
            let ran: Vec<_> = answered.iter().filter(|name| self.begun.contains(name)).cloned().collect();
            assert_eq!(ran, self.begun);
        }
    }
}

fn instance(server: &Server) -> Instance {
    Instance { port: server.model.open_port(), alarm: Alarm::new().0, waiting: None }
}

fn end(batch: Batch, ending: Ending) {
    match ending {
        Ending::Echo => echo(batch),
        Ending::Fail => batch.fail(&Error::model("boom")),
        Ending::Drop => drop(batch),
        Ending::OneByOne => {
            for (index, job) in batch.into_jobs().into_iter().enumerate().rev() {
                match index % 3 {
                    0 => job.fail(Error::model("boom")),
                    1 => job.finish(Err(Error::model("no"))),
                    _ => drop(job),
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Every request is answered finally exactly once and counted once, no batch passes its limit, no request waits
    /// beside an idle instance, and answers keep the order where it is asked for.
    #[test]
    fn every_request_is_answered_exactly_once(scheduler in schedulers(), steps in steps()) {
        let in_order = scheduler.preserve_ordering;
        let mut world = World::new(scheduler);
        for step in steps {
            world.take(&step);
            world.check_wakes();
        }
        world.end(in_order);
    }

    /// Whatever is merged into a batch comes back out of it, each to its own client.
    #[test]
    fn split_after_merge_gives_back_what_went_in(
        requests in prop::collection::vec(prop::collection::vec(".{0,5}", 1..4), 1..6),
    ) {
        let mut model = ModelSpec {
            scheduler: SchedulerSpec { dynamic: true, ..SchedulerSpec::default() },
            ..spec(64)
        };
        model.signature.inputs[0] = tensor_spec("IN", DataType::Bytes, &[1]);
        model.signature.outputs[0] = tensor_spec("OUT", DataType::Bytes, &[1]);
        let server = Server::new(model);
        let mut asked = Vec::new();
        for strings in &requests {
            let mut content = Vec::new();
            for string in strings {
                bytes_tensor::push(&mut content, string.as_bytes()).unwrap();
            }
            let input = Tensor::new("IN", DataType::Bytes, &[strings.len() as i64, 1], content);
            asked.push((server.infer(with_inputs(vec![input.clone()])).0, input));
        }
        echo(take(&server.model.open_port()));
        for (inbox, input) in asked {
            let output = inbox.result().unwrap().outputs.remove(0);
            prop_assert_eq!(&output.shape, &input.shape);
            prop_assert_eq!(output.payload, input.payload);
        }
    }

    /// The same for values of fixed width, whatever their width.
    #[test]
    fn split_after_merge_gives_back_values_of_every_width(
        datatype in prop::sample::select(DataType::ALL[..13].to_vec()),
        sizes in prop::collection::vec(1..5_usize, 1..6),
    ) {
        let mut model = ModelSpec {
            scheduler: SchedulerSpec { dynamic: true, ..SchedulerSpec::default() },
            ..spec(64)
        };
        model.signature.inputs[0] = tensor_spec("IN", datatype, &[3]);
        model.signature.outputs[0] = tensor_spec("OUT", datatype, &[3]);
        let server = Server::new(model);
        let mut asked = Vec::new();
        for (mark, size) in sizes.iter().enumerate() {
            let content = vec![mark as u8; size * 3 * datatype.size().unwrap()];
            let input = Tensor::new("IN", datatype, &[*size as i64, 3], content);
            asked.push((server.infer(with_inputs(vec![input.clone()])).0, input));
        }
        echo(take(&server.model.open_port()));
        for (inbox, input) in asked {
            let output = inbox.result().unwrap().outputs.remove(0);
            prop_assert_eq!((output.shape, output.payload), (input.shape, input.payload));
        }
    }
}
