//! Laws of ensembles, whatever their steps do in whatever order.

use std::collections::BTreeMap;

use bytes::Buf;
use proptest::prelude::*;
use trilith_core::{Error, Response};
use trilith_engine::Job;
use trilith_engine::ensemble::StepSpec;

use crate::house::{House, ask, poll, step};
use crate::support::floats;

#[derive(Clone, Copy, Debug)]
enum Move {
    /// Takes the next batch of a model.
    Take(usize),
    /// Lets one that runs answer, well or badly, or answer nothing more.
    Answer(usize),
    Fail(usize),
    Drop(usize),
    /// Lets one that runs answer without ending, where it may.
    Stream(usize),
    Cancel,
    Withdraw(usize),
}

fn moves(failing: bool) -> impl Strategy<Value = Vec<Move>> {
    let rare = u32::from(failing);
    let choice = prop_oneof![
        20 => (0..4_usize).prop_map(Move::Take),
        20 => any::<usize>().prop_map(Move::Answer),
        20 => any::<usize>().prop_map(Move::Stream),
        rare => any::<usize>().prop_map(Move::Fail),
        rare => any::<usize>().prop_map(Move::Drop),
        rare => Just(Move::Cancel),
        rare => (0..4_usize).prop_map(Move::Withdraw),
    ];
    prop::collection::vec(choice, 0..60)
}

/// A chain of models `0` to `3`, some of them decoupled, and a second output behind the last but one.
fn steps(decoupled: [bool; 4]) -> Vec<StepSpec> {
    let names = ["IN", "t0", "t1", "t2", "OUT"];
    (0..4)
        .map(|index| {
            let model = format!("{index}{}", if decoupled[index] { "*" } else { "" });
            step(&model, &[("IN", names[index])], &[("OUT", names[index + 1])])
        })
        .collect()
}

/// Requests that run, with what came into them.
struct Running {
    model: usize,
    job: Job,
    value: f32,
    sent: u32,
}

struct World {
    house: House,
    decoupled: [bool; 4],
    running: Vec<Running>,
    /// By model: what came in.
    seen: BTreeMap<usize, Vec<f32>>,
}

impl World {
    fn take(&mut self, model: usize) {
        let Some(batch) = poll(&self.house.models[&model.to_string()].1) else { return };
        for job in batch.into_jobs() {
            let value = job.request().inputs[0].payload.to_bytes().get_f32_le();
            self.seen.entry(model).or_default().push(value);
            self.running.push(Running { model, job, value, sent: 0 });
        }
    }

    /// Each response of a decoupled step carries a value of its own.
    fn response(running: &mut Running, decoupled: bool) -> Response {
        let value = if decoupled { running.value * 10.0 + running.sent as f32 } else { running.value };
        running.sent += 1;
        Response { outputs: vec![floats("OUT", &[1, 2], &[value, 0.0])], ..Response::default() }
    }

    fn pick(&mut self, which: usize) -> Option<Running> {
        let count = self.running.len();
        (count > 0).then(|| self.running.swap_remove(which % count))
    }

    fn play(&mut self, one: Move) {
        match one {
            Move::Take(model) => self.take(model),
            Move::Answer(which) => {
                if let Some(mut running) = self.pick(which) {
                    let decoupled = self.decoupled[running.model];
                    if decoupled {
                        running.job.finish_without_response();
                    } else {
                        let response = Self::response(&mut running, decoupled);
                        running.job.finish(Ok(response));
                    }
                }
            }
            Move::Stream(which) => {
                if let Some(mut running) = self.pick(which) {
                    if self.decoupled[running.model] && running.sent < 3 {
                        let response = Self::response(&mut running, true);
                        assert!(running.job.send(Ok(response)).is_ok());
                    }
                    self.running.push(running);
                }
            }
            Move::Fail(which) => {
                if let Some(running) = self.pick(which) {
                    running.job.fail(Error::model("it broke"));
                }
            }
            Move::Drop(which) => drop(self.pick(which)),
            Move::Cancel => {}
            Move::Withdraw(model) => {
                self.house.engine.withdraw(model.to_string().as_str(), 1);
            }
        }
    }

    /// Lets everything end that has begun.
    fn settle(&mut self) {
        for _ in 0..400 {
            (0..4).for_each(|model| self.take(model));
            if self.running.is_empty() {
                return;
            }
            self.play(Move::Answer(0));
        }
        panic!("it never ends");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// A request to an ensemble ends exactly once, whatever fails, is cancelled or goes; nothing stays in flight.
    #[test]
    fn an_ensemble_ends_exactly_once(moves in moves(true), decoupled in any::<[bool; 4]>()) {
        let names: Vec<String> = (0..4).map(|index| format!("{index}{}", if decoupled[index] { "*" } else { "" })).collect();
        let house = House::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
        house.ensemble(&steps(decoupled), &["OUT"]);
        let (inbox, ticket) = house.infer(ask([1.0, 0.0]));
        let mut world = World { house, decoupled, running: Vec::new(), seen: BTreeMap::new() };
        for one in moves {
            if matches!(one, Move::Cancel) {
                ticket.cancel();
            }
            world.play(one);
        }
        world.settle();
        prop_assert_eq!(inbox.finals(), 1);
        prop_assert_eq!(world.house.engine.in_flight(), 0);
    }

    /// Where nothing fails, a step runs once for every response before it, no tensor is lost, and answers leave in
    /// the order of the responses that they come from.
    #[test]
    fn every_response_drives_each_step_once(moves in moves(false), decoupled in any::<[bool; 4]>()) {
        let names: Vec<String> = (0..4).map(|index| format!("{index}{}", if decoupled[index] { "*" } else { "" })).collect();
        let house = House::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
        house.ensemble(&steps(decoupled), &["OUT"]);
        let (inbox, _) = house.infer(ask([1.0, 0.0]));
        let mut world = World { house, decoupled, running: Vec::new(), seen: BTreeMap::new() };
        for one in moves {
            world.play(one);
        }
        world.settle();
        let values = inbox.values();
        // Values name the responses that they come from, so that their order is that of the numbers.
        let mut sorted = values.clone();
        sorted.sort_by(f32::total_cmp);
        sorted.dedup();
        prop_assert_eq!(&values, &sorted);
        if !decoupled[3] {
            let mut last = world.seen.remove(&3).unwrap_or_default();
            last.sort_by(f32::total_cmp);
            prop_assert_eq!(values, last);
        }
        prop_assert_eq!(inbox.finals(), 1);
    }
}
