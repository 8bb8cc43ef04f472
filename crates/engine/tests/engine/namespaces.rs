//! Models of one name in several namespaces: a name alone stands for one model or for none.

use std::sync::Arc;

use trilith_core::Code;
use trilith_engine::ensemble::StepSpec;
use trilith_engine::{Address, Engine, EngineOptions, ManualClock, Model, ModelSpec, State};

use crate::house::{House, ask, poll, step};
use crate::support::{echo, spec};

fn engine() -> Arc<Engine> {
    Engine::new(EngineOptions::default(), Arc::new(ManualClock::new()))
}

fn add(engine: &Arc<Engine>, namespace: &str) -> Arc<Model> {
    let model = Model::new(engine, ModelSpec { namespace: namespace.into(), ..spec(8) });
    engine.publish(Arc::clone(&model));
    model
}

#[test]
fn a_name_stands_for_the_one_model_that_somebody_asked_for_and_is_refused_where_there_are_two() {
    let engine = engine();
    let code = || engine.model("m", None).err().map(|error| error.code);
    engine.set_state("/a/m", None, State::Unknown, "");
    engine.set_state("/b/m", None, State::Unknown, "");
    assert_eq!(code(), Some(Code::NotFound), "listed and not loaded");
    let first = add(&engine, "/a");
    assert!(Arc::ptr_eq(&engine.model("m", Some(1)).unwrap(), &first));
    let second = add(&engine, "/b");
    for version in [None, Some(1), Some(9)] {
        let error = engine.model("m", version).err().unwrap();
        assert_eq!(error.code, Code::InvalidArgument);
        assert_eq!(error.message, "'m' is the name of 2 models, in the repositories /a, /b");
    }
    assert_eq!(engine.ready_versions("m").unwrap_err().code, Code::InvalidArgument);
    assert_eq!(engine.statistics(Some("m"), None).unwrap_err().code, Code::InvalidArgument);
    assert!(engine.retire(&first));
    assert!(Arc::ptr_eq(&engine.model("m", None).unwrap(), &second), "what is unloaded is not meant");
    engine.set_state("/a/m", Some(1), State::Unavailable, "unloaded");
    assert_eq!(code(), None);
    engine.set_state("/a/m", Some(1), State::Unavailable, "no such file");
    assert_eq!(code(), Some(Code::InvalidArgument), "one that could not be loaded was asked for");
    engine.set_state("/b/m", Some(1), State::Loading, "");
    engine.forget("/a/m", None);
    assert_eq!(code(), None);
}

#[test]
fn statistics_and_the_index_tell_models_of_one_name_apart() {
    let engine = engine();
    add(&engine, "/b");
    add(&engine, "/a");
    let spaces: Vec<_> = engine
        .statistics(None, None)
        .unwrap()
        .into_iter()
        .map(|model| (model.name, model.namespace.to_string()))
        .collect();
    assert_eq!(spaces, [("m".to_owned(), "/a".to_owned()), ("m".to_owned(), "/b".to_owned())]);
    engine.set_state("/b/m", Some(2), State::Loading, "");
    let lines: Vec<_> = engine
        .index(false)
        .into_iter()
        .map(|entry| (Address { namespace: &entry.namespace, name: &entry.name }.to_string(), entry.version))
        .collect();
    assert_eq!(
        lines,
        [("/a/m".to_owned(), Some(1)), ("/b/m".to_owned(), Some(1)), ("/b/m".to_owned(), Some(2))]
    );
    assert!(engine.withdraw("/b/m", 1).is_some());
    assert!(engine.withdraw("/c/m", 1).is_none());
}

#[test]
fn a_step_reaches_the_model_of_the_namespace_that_it_names() {
    let house = House::new(&[]);
    let twins = ["/a", "/b"].map(|namespace| {
        let mut spec = ModelSpec { namespace: namespace.into(), ..spec(8) };
        spec.signature.model = "twin".into();
        let model = Model::new(&house.engine, spec);
        house.engine.publish(Arc::clone(&model));
        (model.open_port(), model)
    });
    let ensemble = |namespace: &str| {
        let steps =
            [StepSpec { namespace: namespace.into(), ..step("twin", &[("IN", "IN")], &[("OUT", "OUT")]) }];
        house.ensemble(&steps, &["OUT"]);
    };
    for (namespace, index) in [("/a", 0), ("/b", 1)] {
        ensemble(namespace);
        let (inbox, _) = house.infer(ask([1.0, 2.0]));
        assert!(poll(&twins[1 - index].0).is_none());
        echo(poll(&twins[index].0).expect("the step's request"));
        assert!(inbox.result().is_ok());
    }
    ensemble("/c");
    let (inbox, _) = house.infer(ask([1.0, 2.0]));
    let error = inbox.result().unwrap_err();
    assert_eq!(error.code, Code::NotFound);
    assert!(error.message.contains("there is no model 'twin'"), "{}", error.message);
}
