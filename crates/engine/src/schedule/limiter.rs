//! Who may run when not all can: resources that an instance holds while it runs, and shares of the turns by priority.
//!
//! Pure: it knows instances by number, takes whom to wake as a value, and has no time but its own, in which each run
//! of an instance lasts as long as its priority says: of two that always want to run, one of priority 2 runs half as
//! often as one of priority 1.

use std::collections::{BTreeMap, BTreeSet};

/// Something of which there is only so much: on one device, or for the whole server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resource {
    /// Its name.
    pub name: String,
    /// On which device; `None` where all devices share it.
    pub device: Option<u32>,
}

/// What an instance asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// What it holds while it runs; each resource once.
    pub resources: Vec<(Resource, u64)>,
    /// How long its turns count: 2 for half as many as 1. 0 means 1.
    pub priority: u32,
}

/// How much there is of a resource, as the operator says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Supply {
    /// Name of the resource.
    pub name: String,
    /// On which device; `None` for each of them.
    pub device: Option<u32>,
    /// How much.
    pub count: u64,
}

/// Why an instance cannot take part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It asks for more than there is, and would never run.
    TooMuch {
        /// Of what.
        resource: Resource,
        /// How much it asks for.
        wanted: u64,
        /// How much there is.
        given: u64,
    },
    /// A resource is the whole server's for one instance and a device's for another.
    Mixed {
        /// Name of the resource.
        name: String,
    },
}

enum State<W> {
    Idle,
    /// Since when, by the order of asking, and whom to wake.
    Waiting(u64, W),
    Running,
}

struct Member<W> {
    demand: Demand,
    /// The limiter's own time at which its next turn is due.
    due: u64,
    state: State<W>,
}

impl<W> Member<W> {
    /// Ends its turn, if it has one.
    fn end(&mut self, ran: bool) {
        if matches!(self.state, State::Running) {
            self.state = State::Idle;
            self.due += if ran { u64::from(self.demand.priority.max(1)) } else { 0 };
        }
    }
}

/// The instances that share resources, and who of them runs.
pub struct Limiter<W> {
    supplies: Vec<Supply>,
    members: BTreeMap<u64, Member<W>>,
    next_member: u64,
    next_asking: u64,
    /// When the turn that was given last was due.
    now: u64,
}

impl<W> Limiter<W> {
    /// One without instances. Where nothing is said of supplies, there is as much of each resource as the instance
    /// asks for that asks for most.
    pub fn new(supplies: Vec<Supply>) -> Self {
        Self { supplies, members: BTreeMap::new(), next_member: 0, next_asking: 0, now: 0 }
    }

    /// Takes an instance in; gives the number by which it is known.
    pub fn join(&mut self, demand: Demand) -> Result<u64, Unfit> {
        for (resource, wanted) in &demand.resources {
            let given = self.explicit(resource);
            if let Some(given) = given.filter(|given| given < wanted) {
                return Err(Unfit::TooMuch { resource: resource.clone(), wanted: *wanted, given });
            }
            let others = self.members.values().flat_map(|member| &member.demand.resources);
            if others.chain(&demand.resources).any(|(other, _)| is_mixed(other, resource)) {
                return Err(Unfit::Mixed { name: resource.name.clone() });
            }
        }
        let number = self.next_member;
        self.next_member += 1;
        // Whoever comes late does not make up for what others had before.
        self.members.insert(number, Member { demand, due: self.now, state: State::Idle });
        Ok(number)
    }

    /// Asks for a turn: whether the instance may run now, and whom else to wake. Otherwise it waits for one.
    ///
    /// `ran` says that it has used the turn that it holds, and asks for another: that one ends, and whether the others
    /// that wait come first is for their shares to say.
    pub fn ask(&mut self, number: u64, ran: bool, waker: W) -> (bool, Vec<W>) {
        let (now, asking) = (self.now, self.next_asking);
        let Some(member) = self.members.get_mut(&number) else { return (false, Vec::new()) };
        if matches!(member.state, State::Running) && !ran {
            return (true, Vec::new());
        }
        member.end(ran);
        match &mut member.state {
            State::Waiting(_, known) => *known = waker,
            State::Idle | State::Running => {
                member.due = member.due.max(now);
                member.state = State::Waiting(asking, waker);
                self.next_asking += 1;
            }
        }
        let woken = self.admit(Some(number));
        (self.is_running(number), woken)
    }

    /// Ends a turn, with nothing to run after it; gives whom to wake. It counts where something ran.
    pub fn end(&mut self, number: u64, ran: bool) -> Vec<W> {
        let Some(member) = self.members.get_mut(&number) else { return Vec::new() };
        member.end(ran);
        self.admit(None)
    }

    /// Takes an instance out, whatever it was about; gives whom to wake.
    pub fn leave(&mut self, number: u64) -> Vec<W> {
        self.members.remove(&number);
        self.admit(None)
    }

    /// How much of each resource is held.
    pub fn held(&self) -> BTreeMap<Resource, u64> {
        let mut held = BTreeMap::new();
        let running = self.members.values().filter(|member| matches!(member.state, State::Running));
        for (resource, count) in running.flat_map(|member| &member.demand.resources) {
            *held.entry(resource.clone()).or_default() += count;
        }
        held
    }

    /// How much there is of a resource.
    pub fn supply(&self, resource: &Resource) -> u64 {
        self.explicit(resource).unwrap_or_else(|| {
            let wanted = self.members.values().flat_map(|member| &member.demand.resources);
            wanted.filter(|(other, _)| other == resource).map(|(_, count)| *count).max().unwrap_or(0)
        })
    }

    /// What the operator says of a resource; `None` where nothing is said of any.
    fn explicit(&self, resource: &Resource) -> Option<u64> {
        if self.supplies.is_empty() {
            return None;
        }
        let of_it = self.supplies.iter().filter(|supply| supply.name == resource.name);
        let here = of_it.filter(|supply| {
            resource.device.is_none() || supply.device.is_none() || supply.device == resource.device
        });
        Some(here.map(|supply| supply.count).max().unwrap_or(0))
    }

    fn is_running(&self, number: u64) -> bool {
        self.members.get(&number).is_some_and(|member| matches!(member.state, State::Running))
    }

    /// Gives turns to those that wait, in the order in which they are due: each takes what is left of its resources,
    /// and whoever finds too little keeps what it needs from those behind it. Gives whom to wake, but for `asking`.
    fn admit(&mut self, asking: Option<u64>) -> Vec<W> {
        let mut waiting: Vec<(u64, u64, u64)> = self
            .members
            .iter()
            .filter_map(|(number, member)| match member.state {
                State::Waiting(since, _) => Some((member.due, since, *number)),
                State::Idle | State::Running => None,
            })
            .collect();
        waiting.sort_unstable();
        let mut held = self.held();
        let mut reserved = BTreeSet::new();
        let mut woken = Vec::new();
        for (due, _, number) in waiting {
            let Some(member) = self.members.get(&number) else { continue };
            let wanted = member.demand.resources.clone();
            let is_free = wanted.iter().all(|(resource, count)| {
                let left = self.supply(resource).saturating_sub(held.get(resource).copied().unwrap_or(0));
                !reserved.contains(resource) && *count <= left
            });
            if !is_free {
                reserved.extend(wanted.into_iter().map(|(resource, _)| resource));
                continue;
            }
            for (resource, count) in wanted {
                *held.entry(resource).or_default() += count;
            }
            self.now = self.now.max(due);
            woken.extend(self.start(number).filter(|_| asking != Some(number)));
        }
        woken
    }

    fn start(&mut self, number: u64) -> Option<W> {
        let member = self.members.get_mut(&number)?;
        match std::mem::replace(&mut member.state, State::Running) {
            State::Waiting(_, waker) => Some(waker),
            State::Idle | State::Running => None,
        }
    }
}

fn is_mixed(one: &Resource, other: &Resource) -> bool {
    one.name == other.name && one.device.is_none() != other.device.is_none()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn resource(name: &str, device: Option<u32>) -> Resource {
        Resource { name: name.to_owned(), device }
    }

    fn shared(name: &str, count: u64) -> (Resource, u64) {
        (resource(name, None), count)
    }

    fn demand(resources: Vec<(Resource, u64)>, priority: u32) -> Demand {
        Demand { resources, priority }
    }

    fn supply(name: &str, device: Option<u32>, count: u64) -> Supply {
        Supply { name: name.to_owned(), device, count }
    }

    #[test]
    fn what_is_not_there_is_waited_for_and_given_when_it_is_let_go() {
        let mut limiter = Limiter::new(vec![supply("R", None, 3)]);
        let two = |limiter: &mut Limiter<char>| limiter.join(demand(vec![shared("R", 2)], 1)).unwrap();
        let (a, b) = (two(&mut limiter), two(&mut limiter));
        let small = limiter.join(demand(vec![shared("R", 1)], 1)).unwrap();
        let free = limiter.join(Demand::default()).unwrap();
        assert!(limiter.ask(a, false, 'a').0 && limiter.ask(a, false, 'a').0);
        assert!(!limiter.ask(b, false, 'b').0);
        assert!(!limiter.ask(small, false, 's').0, "it would take what the one before it waits for");
        assert!(limiter.ask(free, false, 'f').0, "it takes nothing that anybody waits for");
        assert_eq!(limiter.end(a, true), ['b', 's']);
        assert!(limiter.ask(b, false, 'b').0);
        assert_eq!(limiter.held(), BTreeMap::from([shared("R", 3)]));
    }

    #[test]
    fn without_word_of_the_operator_there_is_as_much_as_the_greediest_wants() {
        let mut limiter = Limiter::new(vec![]);
        let small = limiter.join(demand(vec![shared("R", 1)], 1)).unwrap();
        assert_eq!(limiter.supply(&resource("R", None)), 1);
        let large = limiter.join(demand(vec![shared("R", 4)], 1)).unwrap();
        assert_eq!(limiter.supply(&resource("R", None)), 4);
        assert!(limiter.ask(small, false, ()).0 && !limiter.ask(large, false, ()).0);
        limiter.leave(large);
        assert_eq!(limiter.supply(&resource("R", None)), 1);
    }

    #[test]
    fn a_device_has_resources_of_its_own() {
        let on = |device| resource("R", Some(device));
        let mut limiter = Limiter::new(vec![supply("R", None, 1), supply("R", Some(1), 2)]);
        assert_eq!([limiter.supply(&on(0)), limiter.supply(&on(1))], [1, 2]);
        let members: Vec<_> =
            [0, 1, 1].map(|device| limiter.join(demand(vec![(on(device), 1)], 1)).unwrap()).into();
        assert!(members.iter().all(|member| limiter.ask(*member, false, ()).0));
        let unfit = limiter.join(demand(vec![(on(0), 2)], 1)).unwrap_err();
        assert_eq!(unfit, Unfit::TooMuch { resource: on(0), wanted: 2, given: 1 });
        let unknown = limiter.join(demand(vec![(resource("X", Some(0)), 1)], 1)).unwrap_err();
        assert_eq!(unknown, Unfit::TooMuch { resource: resource("X", Some(0)), wanted: 1, given: 0 });
    }

    #[test]
    fn the_whole_servers_resource_is_as_much_as_the_most_that_is_said_of_it() {
        let limiter = Limiter::<()>::new(vec![supply("R", Some(0), 1), supply("R", Some(1), 5)]);
        assert_eq!(limiter.supply(&resource("R", None)), 5);
    }

    #[test]
    fn a_resource_is_the_servers_or_the_devices() {
        let mut limiter = Limiter::<()>::new(vec![]);
        limiter.join(demand(vec![shared("R", 1)], 1)).unwrap();
        let mixed = demand(vec![(resource("R", Some(0)), 1)], 1);
        assert_eq!(limiter.join(mixed).unwrap_err(), Unfit::Mixed { name: "R".into() });
        let both = demand(vec![shared("S", 1), (resource("S", Some(0)), 1)], 1);
        assert_eq!(limiter.join(both).unwrap_err(), Unfit::Mixed { name: "S".into() });
    }

    #[test]
    fn a_turn_that_is_handed_back_unused_does_not_count() {
        let mut limiter = Limiter::new(vec![]);
        let [a, b] = [1, 1].map(|priority| limiter.join(demand(vec![shared("R", 1)], priority)).unwrap());
        assert!(limiter.ask(a, false, 'a').0);
        assert!(!limiter.ask(b, false, 'b').0);
        assert_eq!(limiter.end(a, false), ['b']);
        assert!(!limiter.ask(a, false, 'a').0);
        assert_eq!(limiter.end(b, true), ['a']);
    }

    /// Runs of each instance where all of them always want to run, one at a time.
    fn shares(priorities: &[u32], runs: usize) -> Vec<usize> {
        let mut limiter = Limiter::new(vec![supply("R", None, 1)]);
        let members: Vec<u64> = priorities
            .iter()
            .map(|priority| limiter.join(demand(vec![shared("R", 1)], *priority)).unwrap())
            .collect();
        let mut counts = vec![0; members.len()];
        let mut running = None;
        for member in &members {
            running = limiter.ask(*member, false, *member).0.then_some(*member).or(running);
        }
        for _ in 0..runs {
            let Some(member) = running else { break };
            counts[members.iter().position(|other| *other == member).unwrap()] += 1;
            let (again, woken) = limiter.ask(member, true, member);
            running = again.then_some(member).or(woken.first().copied());
        }
        counts
    }

    #[test]
    fn an_instance_of_priority_two_has_half_the_turns_of_one_with_one() {
        let counts = shares(&[1, 2, 4], 7000);
        for (count, expected) in counts.iter().zip([4000, 2000, 1000]) {
            assert!(count.abs_diff(expected) <= 2, "{counts:?}");
        }
    }

    #[derive(Clone, Debug)]
    enum Action {
        Join(Vec<(u8, bool, u64)>, u32),
        Ask(prop::sample::Index, bool),
        End(prop::sample::Index, bool),
        Leave(prop::sample::Index),
    }

    fn action() -> impl Strategy<Value = Action> {
        let resources = prop::collection::vec((0..3_u8, any::<bool>(), 1..4_u64), 0..3);
        prop_oneof![
            1 => (resources, 0..4_u32).prop_map(|(resources, priority)| Action::Join(resources, priority)),
            4 => (any::<prop::sample::Index>(), any::<bool>()).prop_map(|(index, ran)| Action::Ask(index, ran)),
            3 => (any::<prop::sample::Index>(), any::<bool>()).prop_map(|(index, ran)| Action::End(index, ran)),
            1 => any::<prop::sample::Index>().prop_map(Action::Leave),
        ]
    }

    /// Resources by name: 0 and 1 of a device, 2 of the server.
    fn demand_of(resources: &[(u8, bool, u64)], priority: u32) -> Demand {
        let mut wanted = BTreeMap::new();
        for (name, on_second, count) in resources {
            let device = (*name < 2).then_some(u32::from(*on_second));
            wanted.insert(resource(&name.to_string(), device), *count);
        }
        demand(wanted.into_iter().collect(), priority)
    }

    /// What an observer knows of the instances: who waits, who runs.
    #[derive(Default)]
    struct Watch {
        demands: HashMap<u64, Demand>,
        running: BTreeSet<u64>,
        waiting: BTreeSet<u64>,
    }

    impl Watch {
        fn started(&mut self, woken: Vec<u64>) -> Result<(), TestCaseError> {
            for number in woken {
                prop_assert!(self.waiting.remove(&number), "{number} was woken and did not wait");
                self.running.insert(number);
            }
            Ok(())
        }

        fn sums(&self) -> BTreeMap<Resource, u64> {
            let mut sums = BTreeMap::new();
            for (resource, count) in self.running.iter().flat_map(|number| &self.demands[number].resources) {
                *sums.entry(resource.clone()).or_default() += count;
            }
            sums
        }
    }

    fn perform(limiter: &mut Limiter<u64>, watch: &mut Watch, action: Action) -> Result<(), TestCaseError> {
        let numbers: Vec<u64> = watch.demands.keys().copied().collect();
        match action {
            Action::Join(resources, priority) => {
                let demand = demand_of(&resources, priority);
                if let Ok(number) = limiter.join(demand.clone()) {
                    watch.demands.insert(number, demand);
                }
            }
            _ if numbers.is_empty() => {}
            Action::Ask(index, ran) => {
                let number = *index.get(&numbers);
                let (runs, woken) = limiter.ask(number, ran, number);
                watch.running.remove(&number);
                watch.started(woken)?;
                if runs {
                    watch.waiting.remove(&number);
                    watch.running.insert(number);
                } else {
                    watch.waiting.insert(number);
                }
            }
            Action::End(index, ran) => {
                let number = *index.get(&numbers);
                watch.running.remove(&number);
                watch.started(limiter.end(number, ran))?;
            }
            Action::Leave(index) => {
                let number = *index.get(&numbers);
                watch.demands.remove(&number);
                watch.running.remove(&number);
                watch.waiting.remove(&number);
                watch.started(limiter.leave(number))?;
            }
        }
        Ok(())
    }

    proptest! {
        /// Whatever happens, no more is held than there is, what is held is what those hold that run, and everybody who
        /// waits runs in the end if those that run let go.
        #[test]
        fn nothing_is_given_twice_or_lost_and_nobody_waits_for_ever(
            explicit in any::<bool>(),
            actions in prop::collection::vec(action(), 1..80),
        ) {
            let supplies = (0..3).map(|name| supply(&name.to_string(), None, 3)).collect();
            let mut limiter = Limiter::new(if explicit { supplies } else { Vec::new() });
            let mut watch = Watch::default();
            for action in actions {
                perform(&mut limiter, &mut watch, action)?;
                prop_assert_eq!(limiter.held(), watch.sums());
                if explicit {
                    for (resource, count) in limiter.held() {
                        prop_assert!(count <= limiter.supply(&resource));
                    }
                }
            }
            for _ in 0..=watch.demands.len() {
                for number in watch.running.clone() {
                    watch.running.remove(&number);
                    watch.started(limiter.end(number, true))?;
                }
            }
            prop_assert!(watch.waiting.is_empty(), "{:?} wait for ever", watch.waiting);
            for number in watch.demands.keys() {
                limiter.leave(*number);
            }
            prop_assert!(limiter.held().is_empty());
        }

        /// Of instances that always want to run, each has its share by priority, whatever the others' priorities.
        #[test]
        fn shares_follow_priorities(priorities in prop::collection::vec(1..5_u32, 2..5)) {
            let runs = 6000;
            let counts = shares(&priorities, runs);
            let weights: f64 = priorities.iter().map(|priority| 1.0 / f64::from(*priority)).sum();
            for (count, priority) in counts.iter().zip(&priorities) {
                let expected = runs as f64 / f64::from(*priority) / weights;
                prop_assert!((*count as f64 - expected).abs() <= 5.0, "{counts:?} of {priorities:?}");
            }
        }
    }
}
