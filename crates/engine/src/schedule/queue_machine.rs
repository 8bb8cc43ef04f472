//! The queue beside a model of it: one flat list, looked through from front to back.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::Config;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

use crate::clock::Nanos;
use crate::schedule::queue::{Leavers, NEVER, Queue, Waiting};
use crate::schedule::{QueuePolicy, SchedulerSpec, TimeoutAction};

/// Something that waits, known by the number that the queue gave it.
#[derive(Clone, Debug, PartialEq)]
struct Item {
    name: u64,
    size: u32,
    cancelled: std::rc::Rc<std::cell::Cell<bool>>,
}

impl Waiting for Item {
    fn size(&self) -> u32 {
        self.size
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.get()
    }

    fn goes_with(&self, _: &Self) -> bool {
        true
    }
}

#[derive(Clone, Debug)]
enum Step {
    Push { priority: u64, timeout: Nanos, size: u32 },
    Pop,
    Remove(u64),
    Cancel(u64),
    Advance(Nanos),
    Settle(usize),
    Expire,
}

/// What a step gave back: names, and the time of the next expiry or of the new one's.
#[derive(Clone, Debug, Default, PartialEq)]
struct Told {
    refused: bool,
    out: Option<u64>,
    late: Vec<u64>,
    cancelled: Vec<u64>,
    expiry: Option<Nanos>,
}

#[derive(Clone, Debug)]
struct Waiter {
    name: u64,
    level: u64,
    size: u32,
    deadline: Nanos,
    /// When it was put behind those in time, counted over all that were.
    delayed: Option<u64>,
    cancelled: bool,
}

#[derive(Clone, Debug)]
struct Model {
    spec: SchedulerSpec,
    now: Nanos,
    waiting: Vec<Waiter>,
    next: u64,
    delays: u64,
    told: Told,
}

impl Model {
    fn policy(&self, level: u64) -> &QueuePolicy {
        self.spec.policies.get(&level).unwrap_or(&self.spec.default_policy)
    }

    /// Places in the list, in the order in which they are to be served.
    fn in_order(&self) -> Vec<usize> {
        let mut places: Vec<usize> = (0..self.waiting.len()).collect();
        places.sort_by_key(|place| {
            let waiter = &self.waiting[*place];
            (waiter.level, waiter.delayed.is_some(), waiter.delayed, waiter.name)
        });
        places
    }

    fn push(&mut self, priority: u64, timeout: Nanos, size: u32) {
        let level = match self.spec.priority_levels {
            0 => 0,
            levels if (1..=levels).contains(&priority) => priority,
            _ => self.spec.default_priority_level,
        };
        let policy = self.policy(level).clone();
        let length = self.waiting.iter().filter(|waiter| waiter.level == level).count();
        if policy.max_queue_size != 0 && length >= policy.max_queue_size as usize {
            self.told.refused = true;
            return;
        }
        let shorter = policy.allow_timeout_override && (1..policy.default_timeout).contains(&timeout);
        let limit = if shorter { timeout } else { policy.default_timeout };
        let deadline = if limit == 0 { NEVER } else { self.now + limit };
        let rejects = policy.timeout_action == TimeoutAction::Reject;
        self.told.expiry = Some(if rejects { deadline } else { NEVER });
        let name = self.next;
        self.waiting.push(Waiter { name, level, size, deadline, delayed: None, cancelled: false });
        self.next += 1;
    }

    /// Looks from the front until so many have been found good.
    fn settle(&mut self, wanted: usize) {
        let mut good = 0;
        // What is delayed on the way is met again behind its level.
        while let Some(place) = self.in_order().into_iter().nth(good).filter(|_| good < wanted) {
            let waiter = &self.waiting[place];
            if waiter.cancelled {
                self.told.cancelled.push(self.waiting.remove(place).name);
            } else if waiter.delayed.is_none() && self.now > waiter.deadline {
                match self.policy(waiter.level).timeout_action {
                    TimeoutAction::Reject => self.told.late.push(self.waiting.remove(place).name),
                    TimeoutAction::Delay => {
                        self.waiting[place].delayed = Some(self.delays);
                        self.delays += 1;
                    }
                }
            } else {
                good += 1;
            }
        }
    }

    fn expire(&mut self) {
        self.settle(usize::MAX);
        let rejecting = self.waiting.iter().filter(|waiter| {
            waiter.delayed.is_none() && self.policy(waiter.level).timeout_action == TimeoutAction::Reject
        });
        self.told.expiry = Some(rejecting.map(|waiter| waiter.deadline).min().unwrap_or(NEVER));
    }
}

fn policies() -> impl Strategy<Value = QueuePolicy> {
    (any::<bool>(), 0..20_u64, any::<bool>(), 0..4_u32).prop_map(|(delays, timeout, own, bound)| {
        QueuePolicy {
            timeout_action: if delays { TimeoutAction::Delay } else { TimeoutAction::Reject },
            default_timeout: timeout,
            allow_timeout_override: own,
            max_queue_size: bound,
        }
    })
}

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Self> {
        let levels = prop::collection::btree_map(1..3_u64, policies(), 0..3);
        (0..3_u64, policies(), levels)
            .prop_map(|(priority_levels, default_policy, policies): (_, _, BTreeMap<_, _>)| {
                let spec = SchedulerSpec {
                    priority_levels,
                    default_priority_level: priority_levels,
                    default_policy,
                    policies,
                    ..SchedulerSpec::default()
                };
                Self { spec, now: 0, waiting: Vec::new(), next: 0, delays: 0, told: Told::default() }
            })
            .boxed()
    }

    fn transitions(state: &Self) -> BoxedStrategy<Step> {
        let known = 0..state.next.max(1);
        prop_oneof![
            8 => (0..4_u64, 0..20_u64, 1..4_u32)
                .prop_map(|(priority, timeout, size)| Step::Push { priority, timeout, size }),
            3 => Just(Step::Pop),
            2 => known.clone().prop_map(Step::Remove),
            2 => known.prop_map(Step::Cancel),
            3 => (0..15_u64).prop_map(Step::Advance),
            3 => (1..4_usize).prop_map(Step::Settle),
            2 => Just(Step::Expire),
        ]
        .boxed()
    }

    fn apply(mut state: Self, step: &Step) -> Self {
        state.told = Told::default();
        let place_of = |state: &Self, name: u64| state.waiting.iter().position(|waiter| waiter.name == name);
        match *step {
            Step::Push { priority, timeout, size } => state.push(priority, timeout, size),
            Step::Pop => {
                let first = state.in_order().first().copied();
                state.told.out = first.map(|place| state.waiting.remove(place).name);
            }
            Step::Remove(name) => {
                let place = place_of(&state, name);
                state.told.out = place.map(|place| state.waiting.remove(place).name);
            }
            Step::Cancel(name) => {
                if let Some(place) = place_of(&state, name) {
                    state.waiting[place].cancelled = true;
                }
            }
            Step::Advance(time) => state.now += time,
            Step::Settle(wanted) => state.settle(wanted),
            Step::Expire => state.expire(),
        }
        state
    }
}

/// The queue itself, with handles by which what waits in it is cancelled.
struct Real {
    queue: Queue<Item>,
    handles: BTreeMap<u64, std::rc::Rc<std::cell::Cell<bool>>>,
}

impl Real {
    fn take(&mut self, step: &Step, now: Nanos) -> Told {
        let mut told = Told::default();
        let mut leavers = Leavers::default();
        match *step {
            Step::Push { priority, timeout, size } => {
                let cancelled = std::rc::Rc::default();
                let item = Item { name: self.handles.len() as u64, size, cancelled };
                let (name, handle) = (item.name, std::rc::Rc::clone(&item.cancelled));
                match self.queue.push(priority, timeout, now, item) {
                    Ok(place) => {
                        assert_eq!(place.number, name, "numbers count those that were queued");
                        told.expiry = Some(place.expiry);
                        self.handles.insert(name, handle);
                    }
                    Err(_) => told.refused = true,
                }
            }
            Step::Pop => told.out = self.queue.pop().map(|item| item.name),
            Step::Remove(number) => told.out = self.queue.remove(number).map(|item| item.name),
            Step::Cancel(name) => {
                if let Some(handle) = self.handles.get(&name) {
                    handle.set(true);
                }
            }
            Step::Advance(_) => {}
            Step::Settle(wanted) => self.queue.settle(now, wanted, &mut leavers),
            Step::Expire => told.expiry = Some(self.queue.expire(now, &mut leavers)),
        }
        told.late = leavers.late.into_iter().map(|item| item.name).collect();
        told.cancelled = leavers.cancelled.into_iter().map(|item| item.name).collect();
        told
    }
}

impl StateMachineTest for Real {
    type SystemUnderTest = Self;
    type Reference = Model;

    fn init_test(model: &Model) -> Self {
        Self { queue: Queue::new(&model.spec), handles: BTreeMap::new() }
    }

    fn apply(mut real: Self, model: &Model, step: Step) -> Self {
        assert_eq!(real.take(&step, model.now), model.told, "{step:?}");
        real
    }

    fn check_invariants(real: &Self, model: &Model) {
        let expected: Vec<u64> =
            model.in_order().into_iter().map(|place| model.waiting[place].name).collect();
        let found: Vec<u64> = real.queue.iter().map(|entry| entry.item.name).collect();
        assert_eq!(found, expected, "the order in which they are to be served");
        assert_eq!(real.queue.len(), expected.len());
        assert_eq!(real.queue.is_empty(), expected.is_empty());
        let size: u64 = model.waiting.iter().map(|waiter| u64::from(waiter.size)).sum();
        assert_eq!(real.queue.size(), size);
    }
}

prop_state_machine! {
    #![proptest_config(Config { cases: 256, failure_persistence: None, ..Config::default() })]

    /// Whatever is done to the queue, it gives back what the model gives back and holds what the model holds.
    #[test]
    fn the_queue_does_what_a_flat_list_would(sequential 1..80 => Real);
}
