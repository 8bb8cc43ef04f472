//! Requests that models make of others, and for whose sake.

use trilith_core::Code;
use trilith_core::Request;
use trilith_core::request::Cancellation;
use trilith_engine::{Origin, Ticket};

use crate::house::{House, ask, step};
use crate::support::{Inbox, echo};

fn to(model: &str) -> Request {
    Request { model: model.into(), ..ask([1.0, 2.0]) }
}

/// Sends a request from inside, for the sake of those; its ticket has to be kept.
fn call(house: &House, model: &str, sake: &[&Cancellation]) -> (Inbox, Ticket) {
    let inbox = Inbox::default();
    let sake = Origin::for_sake_of(sake.iter().copied());
    let ticket = house.engine.infer_from(Origin { sake, ..Origin::default() }, to(model), inbox.reply());
    (inbox, ticket)
}

fn code(inbox: &Inbox) -> Code {
    inbox.error().code
}

#[test]
fn a_request_from_inside_leaves_its_queue_when_the_client_goes() {
    let house = House::new(&["outer", "inner"]);
    let (_, client) = house.infer(to("outer"));
    let running = house.take("outer");
    let sake = running.jobs()[0].request().cancellation.clone();
    let (inbox, _ticket) = call(&house, "inner", &[&sake]);
    assert!(house.has_work("inner"));
    client.cancel();
    assert_eq!(code(&inbox), Code::Cancelled);
    assert!(!house.has_work("inner"));
    echo(running);
    assert_eq!(house.engine.in_flight(), 0);
}

#[test]
fn a_model_that_runs_for_another_is_told_and_so_is_what_it_asks_itself() {
    let house = House::new(&["outer", "inner", "innermost"]);
    let (_, client) = house.infer(to("outer"));
    let outer = house.take("outer");
    let (_, _first) = call(&house, "inner", &[&outer.jobs()[0].request().cancellation]);
    let inner = house.take("inner");
    let (waiting, _second) = call(&house, "innermost", &[&inner.jobs()[0].request().cancellation]);
    client.cancel();
    assert!(inner.jobs()[0].is_cancelled());
    assert_eq!(code(&waiting), Code::Cancelled);
}

#[test]
fn an_ensemble_that_is_asked_from_inside_ends_with_the_client() {
    let house = House::new(&["outer", "a"]);
    house.ensemble(&[step("a", &[("IN", "IN")], &[("OUT", "OUT")])], &["OUT"]);
    let client = Cancellation::new();
    let (inbox, _ticket) = call(&house, "m", &[&client]);
    assert!(house.has_work("a"));
    client.cancel();
    assert_eq!(code(&inbox), Code::Cancelled);
    assert!(!house.has_work("a"));
}

#[test]
fn what_is_made_for_several_ends_with_the_last_of_those_that_were_wanted() {
    let house = House::new(&["inner"]);
    let (gone, one, two) = (Cancellation::new(), Cancellation::new(), Cancellation::new());
    gone.cancel();
    let (inbox, _ticket) = call(&house, "inner", &[&gone, &one, &two]);
    one.cancel();
    assert!(house.has_work("inner"));
    two.cancel();
    assert_eq!(code(&inbox), Code::Cancelled);
}

#[test]
fn what_is_made_for_nobody_who_waits_runs_nonetheless() {
    let house = House::new(&["inner"]);
    let gone = Cancellation::new();
    gone.cancel();
    let (inbox, _ticket) = call(&house, "inner", &[&gone]);
    echo(house.take("inner"));
    assert!(inbox.result().is_ok());
}

#[test]
fn a_request_from_inside_that_is_withdrawn_alone_leaves_the_others() {
    let house = House::new(&["inner"]);
    let client = Cancellation::new();
    let (withdrawn, ticket) = call(&house, "inner", &[&client]);
    let (other, _ticket) = call(&house, "inner", &[&client]);
    ticket.cancel();
    assert_eq!(code(&withdrawn), Code::Cancelled);
    assert!(!client.is_cancelled());
    echo(house.take("inner"));
    assert!(other.result().is_ok());
}
