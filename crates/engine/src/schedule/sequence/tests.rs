//! The laws of sequences, with a clock that is a number.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::task::Waker;

use proptest::prelude::*;
use trilith_core::CorrelationId;

use crate::clock::Nanos;
use crate::schedule::dispatch::{Refusal, Step};
use crate::schedule::queue::{Leavers, NEVER, Waiting};
use crate::schedule::sequence::table::Sequences;
use crate::schedule::sequence::{SequenceRules, SequenceStrategy, Sequential};

const IDLE: Nanos = 1000;

#[derive(Clone, Debug, Default, PartialEq)]
struct Item {
    id: CorrelationId,
    name: u32,
    start: bool,
    end: bool,
    cancelled: bool,
    patience: Nanos,
    kind: u8,
    /// Name of the request that opened its sequence.
    sequence: u32,
}

impl Waiting for Item {
    fn size(&self) -> u32 {
        1
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled
    }

    fn goes_with(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl Sequential for Item {
    fn correlation_id(&self) -> &CorrelationId {
        &self.id
    }

    fn is_start(&self) -> bool {
        self.start
    }

    fn is_end(&self) -> bool {
        self.end
    }

    fn patience(&self) -> Nanos {
        self.patience
    }
}

fn item(id: u64, name: u32) -> Item {
    Item { id: CorrelationId::Number(id), name, ..Item::default() }
}

fn start(id: u64, name: u32) -> Item {
    Item { start: true, ..item(id, name) }
}

fn end(id: u64, name: u32) -> Item {
    Item { end: true, ..item(id, name) }
}

fn direct(max_batch_size: u32) -> SequenceRules {
    SequenceRules { max_idle: IDLE, max_batch_size, ..SequenceRules::default() }
}

fn waiting(max_batch_size: u32, delay: Nanos, utilization: f32) -> SequenceRules {
    let strategy = SequenceStrategy::Direct { max_queue_delay: delay, minimum_slot_utilization: utilization };
    SequenceRules { strategy, ..direct(max_batch_size) }
}

fn oldest(max_batch_size: u32, candidates: u32, delay: Nanos) -> SequenceRules {
    let strategy = SequenceStrategy::Oldest {
        max_candidate_sequences: candidates,
        preferred_batch_sizes: Vec::new(),
        max_queue_delay: delay,
    };
    SequenceRules { strategy, ..direct(max_batch_size) }
}

fn push(table: &mut Sequences<Item>, now: Nanos, item: Item) -> usize {
    table.push(now, item).ok().expect("taken in").1.len()
}

/// The names in the rows of the next batch; `None` for a row that is filled.
fn rows(table: &mut Sequences<Item>, port: u64, now: Nanos) -> Vec<Option<u32>> {
    match table.next(port, now, Waker::noop(), &mut Leavers::default()).0 {
        Step::Seats(seats) => seats.into_iter().map(|seat| Some(seat?.item.name)).collect(),
        _ => Vec::new(),
    }
}

fn is_unknown(table: &mut Sequences<Item>, now: Nanos, id: u64) -> bool {
    matches!(table.push(now, item(id, 0)), Err(Refusal::NotStarted(..)))
}

fn expire(table: &mut Sequences<Item>, now: Nanos) -> (Nanos, Leavers<Item>) {
    let mut leavers = Leavers::default();
    let (next, _) = table.expire(now, &mut leavers);
    (next, leavers)
}

#[test]
fn a_sequence_keeps_its_row_and_rows_without_a_request_are_filled() {
    let mut table = Sequences::new(direct(4));
    assert_eq!(rows(&mut table, 1, 0), []);
    for id in 1..=3 {
        push(&mut table, 0, start(id, id as u32));
    }
    assert_eq!(rows(&mut table, 1, 0), [Some(1), Some(2), Some(3)]);
    push(&mut table, 0, item(3, 30));
    push(&mut table, 0, item(1, 10));
    assert_eq!(rows(&mut table, 1, 0), [Some(10), None, Some(30)]);
}

#[test]
fn slots_fill_from_the_lowest_over_all_instances() {
    let mut table = Sequences::new(direct(2));
    assert!(rows(&mut table, 1, 0).is_empty() && rows(&mut table, 2, 0).is_empty());
    for id in 1..=3 {
        push(&mut table, 0, start(id, id as u32));
    }
    assert_eq!(rows(&mut table, 1, 0), [Some(1), Some(3)]);
    assert_eq!(rows(&mut table, 2, 0), [Some(2)]);
}

#[test]
fn a_request_that_does_not_fit_the_others_waits_for_its_own_batch() {
    let mut table = Sequences::new(direct(3));
    push(&mut table, 0, start(1, 1));
    push(&mut table, 0, Item { kind: 1, ..start(2, 2) });
    push(&mut table, 0, start(3, 3));
    assert_eq!(rows(&mut table, 1, 0), [Some(1), None, Some(3)]);
    assert_eq!(rows(&mut table, 1, 0), [None, Some(2)]);
}

#[test]
fn sequences_beyond_the_slots_wait_in_the_order_in_which_they_came() {
    for rules in [direct(1), oldest(1, 1, 0)] {
        let mut table = Sequences::new(rules);
        for id in 1..=3 {
            push(&mut table, 0, start(id, id as u32));
            push(&mut table, 0, end(id, 10 * id as u32));
        }
        let ran: Vec<_> = (0..6).flat_map(|_| rows(&mut table, 1, 0)).flatten().collect();
        assert_eq!(ran, [1, 10, 2, 20, 3, 30]);
        assert_eq!(table.pending(), 0);
    }
}

#[test]
fn an_id_starts_anew_behind_its_ended_sequence() {
    let mut table = Sequences::new(direct(1));
    push(&mut table, 0, Item { end: true, ..start(1, 1) });
    assert!(is_unknown(&mut table, 0, 1));
    push(&mut table, 0, start(1, 2));
    assert_eq!(rows(&mut table, 1, 0), [Some(1)]);
    assert_eq!(rows(&mut table, 1, 0), [Some(2)]);
}

#[test]
fn a_wait_for_more_rows_ends_with_enough_of_them_or_with_the_time() {
    let mut table = Sequences::new(waiting(4, 100, 0.5));
    rows(&mut table, 1, 0);
    assert_eq!(push(&mut table, 0, start(1, 1)), 1, "it wakes to see how long it has to wait");
    let (step, _) = table.next(1, 10, Waker::noop(), &mut Leavers::default());
    assert!(matches!(step, Step::Wait { until: Some(100) }));
    assert_eq!(push(&mut table, 20, start(2, 2)), 1);
    assert_eq!(rows(&mut table, 1, 20), [Some(1), Some(2)]);
    push(&mut table, 20, item(1, 3));
    assert_eq!(rows(&mut table, 1, 119), []);
    assert_eq!(rows(&mut table, 1, 120), [Some(3)]);
}

#[test]
fn the_oldest_go_first_and_each_sequence_once_in_a_batch() {
    let mut table = Sequences::new(oldest(2, 4, 0));
    for name in 0..3 {
        push(&mut table, 0, Item { start: name == 0, ..item(1, name) });
    }
    push(&mut table, 0, start(2, 10));
    push(&mut table, 0, start(3, 20));
    assert_eq!(rows(&mut table, 1, 0), [Some(0), Some(10)]);
    assert_eq!(rows(&mut table, 1, 0), [Some(20), Some(1)]);
    assert_eq!(rows(&mut table, 1, 0), [Some(2)]);
}

#[test]
fn candidates_may_be_more_than_rows_but_no_more_than_configured() {
    let mut table = Sequences::new(oldest(1, 2, 0));
    for id in 1..=3 {
        push(&mut table, 0, start(id, id as u32));
    }
    let ran: Vec<_> = (0..3).flat_map(|_| rows(&mut table, 1, 0)).collect();
    assert_eq!(ran, [Some(1), Some(2)]);
    push(&mut table, 0, end(1, 9));
    assert_eq!(rows(&mut table, 1, 0), [Some(9)]);
    assert_eq!(rows(&mut table, 1, 0), [Some(3)]);
}

#[test]
fn an_idle_sequence_ends_and_its_slot_goes_to_the_next() {
    let mut table = Sequences::new(direct(1));
    push(&mut table, 0, start(1, 1));
    push(&mut table, 0, start(2, 2));
    assert_eq!(rows(&mut table, 1, 0), [Some(1)]);
    assert_eq!(rows(&mut table, 1, 10), []);
    assert_eq!(expire(&mut table, IDLE + 9).0, IDLE + 9 + IDLE / 16);
    assert_eq!(expire(&mut table, IDLE + 10).0, 2 * IDLE + 10);
    assert!(is_unknown(&mut table, IDLE + 10, 1));
    assert_eq!(rows(&mut table, 1, IDLE + 10), [Some(2)]);
}

#[test]
fn a_sequence_past_its_idle_time_is_unknown_before_anyone_has_looked() {
    let mut table = Sequences::new(direct(1));
    push(&mut table, 0, start(1, 1));
    assert_eq!(rows(&mut table, 1, 0), [Some(1)]);
    rows(&mut table, 1, 0);
    assert!(is_unknown(&mut table, IDLE, 1));
}

#[test]
fn a_sequence_that_runs_or_waits_to_run_is_not_idle() {
    let mut table = Sequences::new(direct(1));
    push(&mut table, 0, start(1, 1));
    expire(&mut table, 5 * IDLE);
    assert_eq!(rows(&mut table, 1, 5 * IDLE), [Some(1)]);
    expire(&mut table, 9 * IDLE);
    assert!(!is_unknown(&mut table, 9 * IDLE, 1));
}

#[test]
fn a_sequence_that_waits_too_long_for_a_slot_is_refused_whole() {
    let mut table = Sequences::new(direct(1));
    push(&mut table, 0, start(1, 1));
    rows(&mut table, 1, 0);
    push(&mut table, 0, Item { patience: 50, ..start(2, 2) });
    push(&mut table, 10, item(2, 3));
    let (next, leavers) = expire(&mut table, 49);
    assert!(next == 50 && leavers.late.is_empty());
    let names: Vec<_> = expire(&mut table, 50).1.late.iter().map(|item| item.name).collect();
    assert_eq!(names, [2, 3]);
    assert!(is_unknown(&mut table, 50, 2));
}

#[test]
fn a_cancelled_request_takes_those_after_it_along_and_frees_the_slot() {
    let mut table = Sequences::new(direct(1));
    push(&mut table, 0, start(1, 1));
    let number = table.push(0, item(1, 2)).ok().expect("taken in").0.number;
    push(&mut table, 0, item(1, 3));
    push(&mut table, 0, start(2, 4));
    let names: Vec<_> = table.remove(number).0.iter().map(|item| item.name).collect();
    assert_eq!(names, [2, 3]);
    assert!(is_unknown(&mut table, 0, 1));
    assert_eq!(rows(&mut table, 1, 0), [Some(1)]);
    assert_eq!(rows(&mut table, 1, 0), [Some(4)]);
}

#[test]
fn a_new_start_survives_the_cancellation_of_what_was_before_it() {
    let mut table = Sequences::new(direct(1));
    let number = table.push(0, start(1, 1)).ok().expect("taken in").0.number;
    push(&mut table, 0, start(1, 2));
    assert_eq!(table.remove(number).0.len(), 1);
    assert_eq!(rows(&mut table, 1, 0), [Some(2)]);
}

#[test]
fn sequences_end_with_their_instance() {
    let mut table = Sequences::new(direct(1));
    push(&mut table, 0, start(1, 1));
    assert_eq!(rows(&mut table, 1, 0), [Some(1)]);
    push(&mut table, 0, item(1, 2));
    push(&mut table, 0, start(2, 3));
    let mut leavers = Leavers::default();
    table.leave(1, &mut leavers);
    assert_eq!(leavers.lost.len(), 1);
    assert!(is_unknown(&mut table, 0, 1));
    assert_eq!(rows(&mut table, 2, 0), [Some(3)]);
}

#[test]
fn an_iterative_sequence_lives_as_long_as_it_is_handed_back() {
    let mut table = Sequences::new(SequenceRules { iterative: true, ..oldest(1, 1, 0) });
    push(&mut table, 0, start(1, 1));
    push(&mut table, 0, start(2, 2));
    for _ in 0..3 {
        assert_eq!(rows(&mut table, 1, 0), [Some(1)]);
        assert!(table.hand_back(0, item(1, 1)).is_ok());
    }
    assert_eq!(rows(&mut table, 1, 0), [Some(1)]);
    assert_eq!(rows(&mut table, 1, 0), [Some(2)]);
    assert!(table.hand_back(0, item(1, 1)).is_err());
}

/// What may happen to a table.
#[derive(Clone, Debug)]
enum Event {
    Push { id: u64, start: bool, end: bool, patience: Nanos, kind: u8 },
    Next { port: u64 },
    Leave { port: u64 },
    Cancel { number: u64 },
    Expire,
    Pass { time: Nanos },
}

fn event() -> impl Strategy<Value = Event> {
    let flag = prop::bool::weighted(0.3);
    prop_oneof![
        6 => (1..6_u64, flag, flag, prop_oneof![Just(0), 1..400_u64], 0..2_u8)
            .prop_map(|(id, start, end, patience, kind)| Event::Push { id, start, end, patience, kind }),
        6 => (1..4_u64).prop_map(|port| Event::Next { port }),
        1 => (1..4_u64).prop_map(|port| Event::Leave { port }),
        1 => (0..60_u64).prop_map(|number| Event::Cancel { number }),
        1 => Just(Event::Expire),
        2 => (1..600_u64).prop_map(|time| Event::Pass { time }),
    ]
}

fn rules() -> impl Strategy<Value = SequenceRules> {
    prop_oneof![
        (0..4_u32).prop_map(direct),
        (1..4_u32, 1..200_u64).prop_map(|(size, delay)| waiting(size, delay, 0.7)),
        (0..4_u32, 0..5_u32, 0..200_u64)
            .prop_map(|(size, candidates, delay)| oldest(size, candidates, delay)),
    ]
}

/// Remembers what was asked, and holds what happens against the laws.
struct Witness {
    table: Sequences<Item>,
    rules: SequenceRules,
    now: Nanos,
    pushed: u32,
    /// How often each request left the table.
    left: BTreeMap<u32, usize>,
    /// The last request of each sequence that ran, and where.
    last: HashMap<u32, (u32, u64)>,
    /// The latest start of each id.
    starts: HashMap<u64, u32>,
}

impl Witness {
    fn new(rules: SequenceRules) -> Self {
        let (table, left) = (Sequences::new(rules.clone()), BTreeMap::new());
        Self { table, rules, now: 0, pushed: 0, left, last: HashMap::new(), starts: HashMap::new() }
    }

    fn take(&mut self, event: &Event) {
        let mut leavers = Leavers::default();
        match *event {
            Event::Push { id, start, end, patience, kind } => {
                let name = self.pushed;
                self.pushed += 1;
                if start {
                    self.starts.insert(id, name);
                }
                let sequence = self.starts.get(&id).copied().unwrap_or_default();
                let item = Item { start, end, patience, kind, sequence, ..item(id, name) };
                if let Err(Refusal::NotStarted(item, _)) = self.table.push(self.now, item) {
                    assert!(!item.start, "a start is never refused");
                    *self.left.entry(name).or_default() += 1;
                }
            }
            Event::Next { port } => self.run(port, &mut leavers),
            Event::Leave { port } => self.table.leave(port, &mut leavers),
            Event::Cancel { number } => leavers.cancelled = self.table.remove(number).0,
            Event::Expire => drop(self.table.expire(self.now, &mut leavers)),
            Event::Pass { time } => self.now += time,
        }
        for item in leavers.late.iter().chain(&leavers.cancelled).chain(&leavers.lost) {
            *self.left.entry(item.name).or_default() += 1;
        }
        let left: usize = self.left.values().sum();
        assert_eq!(self.table.pending(), self.pushed as usize - left, "nothing is lost, nothing is doubled");
    }

    fn run(&mut self, port: u64, leavers: &mut Leavers<Item>) {
        let Step::Seats(seats) = self.table.next(port, self.now, Waker::noop(), leavers).0 else { return };
        assert!(
            seats.len() <= self.rules.max_batch_size.max(1) as usize,
            "a batch is no larger than allowed"
        );
        let items: Vec<_> = seats.into_iter().flatten().map(|seat| seat.item).collect();
        assert!(!items.is_empty(), "a batch has a request");
        assert!(items.iter().all(|item| item.kind == items[0].kind), "a batch goes together");
        let sequences: HashSet<_> = items.iter().map(|item| item.sequence).collect();
        assert_eq!(sequences.len(), items.len(), "a batch holds one request of each sequence");
        for item in items {
            *self.left.entry(item.name).or_default() += 1;
            self.follow(&item, port);
        }
    }

    /// A request follows the one before it in its sequence, on the same instance.
    fn follow(&mut self, item: &Item, port: u64) {
        if let Some((before, place)) = self.last.insert(item.sequence, (item.name, port)) {
            assert!(before < item.name, "in order");
            assert_eq!(place, port, "on one instance");
        }
    }
}

proptest! {
    /// Whatever happens: each request leaves the table once; those of a sequence meet one instance in order; a batch
    /// holds at most one of each; and when all have ended, every slot is free again.
    #[test]
    fn nothing_is_lost_and_no_slot_leaks(rules in rules(), events in prop::collection::vec(event(), 1..120)) {
        let mut witness = Witness::new(rules);
        for event in &events {
            witness.take(event);
        }
        // Let everything run, wait until all that is left is idle, and look.
        for port in 1..4 {
            for _ in 0..events.len() {
                witness.now += 1000;
                witness.take(&Event::Next { port });
            }
        }
        for port in (1..4).cycle().take(3 * events.len()) {
            witness.now += 1000;
            witness.take(&Event::Next { port });
            witness.take(&Event::Expire);
        }
        prop_assert_eq!(witness.table.pending(), 0);
        witness.now += IDLE;
        witness.take(&Event::Expire);
        let (next, _) = expire(&mut witness.table, witness.now);
        prop_assert_eq!(next, NEVER, "no sequence is left");
        prop_assert_eq!(witness.table.free_slots(), witness.table.slots());
    }
}
