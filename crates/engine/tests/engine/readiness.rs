use std::future::ready;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};

use trilith_core::{Error, Result};
use trilith_engine::{Engine, EngineOptions, ManualClock, Model, Readiness, Verdict};

use crate::support::spec;

/// Says the same whenever it is asked, and counts.
struct Said {
    what: Result<()>,
    asked: AtomicU32,
}

impl Readiness for Said {
    fn ask(&self) -> Verdict {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Box::pin(ready(self.what.clone()))
    }
}

/// What comes of something that has nothing to wait for.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

fn served(strict_readiness: bool, what: Result<()>) -> (Arc<Engine>, Arc<Model>, Arc<Said>) {
    let options = EngineOptions { strict_readiness, ..EngineOptions::default() };
    let engine = Engine::new(options, Arc::new(ManualClock::new()));
    let model = Model::new(&engine, spec(8));
    let said = Arc::new(Said { what, asked: AtomicU32::new(0) });
    model.ask_by(said.clone());
    engine.publish(Arc::clone(&model));
    engine.open();
    (engine, model, said)
}

#[test]
fn a_model_and_with_strict_readiness_the_server_are_as_ready_as_the_model_says() {
    let refusal = || Err(Error::unavailable("not now"));
    let (engine, _model, _) = served(true, Ok(()));
    assert_eq!((now(engine.ask_model("m", None)), now(engine.ask_all())), (Ok(()), true));
    let (engine, _model, _) = served(true, refusal());
    assert_eq!((now(engine.ask_model("m", None)), now(engine.ask_all())), (refusal(), false));
    assert!(engine.is_ready(), "nobody else is kept away");
    let (engine, _model, said) = served(false, refusal());
    assert!(now(engine.ask_all()));
    assert_eq!(said.asked.load(Ordering::Relaxed), 0, "a server that is not strict does not ask");
}

#[test]
fn a_model_that_does_not_serve_is_not_asked() {
    let (engine, model, said) = served(true, Err(Error::unavailable("not now")));
    engine.publish(Model::new(&engine, spec(8)));
    assert_eq!((now(engine.ask_model("m", None)), now(engine.ask_all())), (Ok(()), true));
    model.close();
    assert_eq!(Arc::strong_count(&said), 1, "one that is closed lets go of who asks it");
}
