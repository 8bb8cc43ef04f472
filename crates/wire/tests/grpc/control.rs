//! Loading and unloading models.

use std::collections::BTreeMap;
use std::thread;

use bytes::Bytes;
use tonic::Code;
use trilith_core::Error;
use trilith_wire::control::Value;
use trilith_wire::grpc::protocol::inference::model_repository_parameter::ParameterChoice;
use trilith_wire::grpc::protocol::inference::{
    ModelRepositoryParameter, RepositoryIndexRequest, RepositoryModelLoadRequest,
    RepositoryModelLoadResponse, RepositoryModelUnloadRequest, RepositoryModelUnloadResponse,
};

use crate::support::Server;

fn parameters(name: &str, choice: ParameterChoice) -> BTreeMap<String, ModelRepositoryParameter> {
    BTreeMap::from([(name.into(), ModelRepositoryParameter { parameter_choice: Some(choice) })])
}

fn load(name: &str, choice: ParameterChoice) -> RepositoryModelLoadRequest {
    RepositoryModelLoadRequest {
        model_name: "m".into(),
        parameters: parameters(name, choice),
        ..RepositoryModelLoadRequest::default()
    }
}

#[tokio::test]
async fn nobody_to_carry_out_a_command_is_said_at_once() {
    let mut client = Server::start().await.connect().await;
    let asked =
        RepositoryModelLoadRequest { model_name: "m".into(), ..RepositoryModelLoadRequest::default() };
    let status =
        client.call::<_, RepositoryModelLoadResponse>("RepositoryModelLoad", asked).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
}

#[tokio::test]
async fn commands_are_carried_out_by_whoever_takes_them() {
    let server = Server::start().await;
    let control = server.control.clone();
    let taker = thread::spawn(move || {
        let mut seen = Vec::new();
        while let Some(mut command) = control.next() {
            seen.push((command.kind.name(), command.model.clone(), command.parameters.clone()));
            let is_bad = command.parameters.iter().any(|(_, value)| *value == Value::Text("bad".into()));
            command.answer(if is_bad { Err(Error::invalid("it is bad")) } else { Ok(()) });
        }
        seen
    });
    let mut client = server.connect().await;
    let good = load("config", ParameterChoice::StringParam("{}".into()));
    // Until the thread above asks for the first time, commands are refused.
    while client.call::<_, RepositoryModelLoadResponse>("RepositoryModelLoad", good.clone()).await.is_err() {
        tokio::task::yield_now().await;
    }
    let bad = load("config", ParameterChoice::StringParam("bad".into()));
    let status = client.call::<_, RepositoryModelLoadResponse>("RepositoryModelLoad", bad).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "it is bad"));
    let asked = RepositoryModelUnloadRequest {
        model_name: "m".into(),
        parameters: parameters("unload_dependents", ParameterChoice::BoolParam(true)),
        ..RepositoryModelUnloadRequest::default()
    };
    let _: RepositoryModelUnloadResponse = client.call("RepositoryModelUnload", asked).await.unwrap();
    server.control.close();
    let m = || "m".to_owned();
    assert_eq!(
        taker.join().unwrap(),
        [
            ("load", m(), vec![("config".into(), Value::Text("{}".into()))]),
            ("load", m(), vec![("config".into(), Value::Text("bad".into()))]),
            ("unload", m(), vec![("unload_dependents".into(), Value::Bool(true))]),
        ]
    );
}

#[tokio::test]
async fn parameters_of_the_wrong_type_are_refused_by_name() {
    let mut client = Server::start().await.connect().await;
    for (name, choice, problem) in [
        (
            "config",
            ParameterChoice::BytesParam(Bytes::new()),
            "invalid value type for load parameter 'config'",
        ),
        (
            "file:1/m",
            ParameterChoice::StringParam("x".into()),
            "invalid value type for load parameter 'file:1/m'",
        ),
        ("fil", ParameterChoice::StringParam("x".into()), "unrecognized load parameter 'fil'"),
    ] {
        let asked = load(name, choice);
        let status =
            client.call::<_, RepositoryModelLoadResponse>("RepositoryModelLoad", asked).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().contains(problem), "{}", status.message());
    }
}

#[tokio::test]
async fn repositories_cannot_be_named() {
    let mut client = Server::start().await.connect().await;
    let repository_name = "mine".to_owned();
    let asked = RepositoryModelLoadRequest {
        repository_name: repository_name.clone(),
        ..RepositoryModelLoadRequest::default()
    };
    let status =
        client.call::<_, RepositoryModelLoadResponse>("RepositoryModelLoad", asked).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    let asked = RepositoryIndexRequest { repository_name, ready: false };
    let status = client.call::<_, RepositoryModelLoadResponse>("RepositoryIndex", asked).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
}
