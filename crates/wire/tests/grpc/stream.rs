//! `ModelStreamInfer`.

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Code;
use trilith_core::{DataType, Payload, Response, Tensor};
use trilith_wire::grpc::protocol::inference::infer_parameter::ParameterChoice;
use trilith_wire::grpc::protocol::inference::{InferParameter, ModelInferRequest, ModelInferResponse};

use crate::support::{Server, answer, next_batch, request};

fn named(model: &str, id: &str) -> ModelInferRequest {
    ModelInferRequest { id: id.into(), ..request(model) }
}

fn requests(receiver: UnboundedReceiver<ModelInferRequest>) -> UnboundedReceiverStream<ModelInferRequest> {
    UnboundedReceiverStream::new(receiver)
}

fn is_final(response: &ModelInferResponse) -> bool {
    let choice = response.parameters["triton_final_response"].parameter_choice.as_ref();
    matches!(choice, Some(ParameterChoice::BoolParam(true)))
}

#[tokio::test]
async fn each_request_is_answered_in_order_and_failures_leave_the_stream_open() {
    let server = Server::start().await;
    let mut bad = named("identity_FP32", "2");
    bad.raw_input_contents = vec![vec![0; 3].into()];
    let asked = vec![named("identity_FP32", "1"), bad, named("none", "3"), named("identity_FP32", "4")];
    let stream = server.connect().await.stream(tokio_stream::iter(asked)).await.unwrap();
    let answers: Vec<_> = stream.map(Result::unwrap).collect().await;
    let seen: Vec<_> = answers
        .iter()
        .map(|answer| (answer.infer_response.as_ref().unwrap().id.as_str(), answer.error_message.is_empty()))
        .collect();
    assert_eq!(seen, [("1", true), ("2", false), ("3", false), ("4", true)]);
    assert!(answers[1].error_message.contains("takes 8 bytes, 3 were given"));
    assert!(is_final(answers[0].infer_response.as_ref().unwrap()));
    assert_eq!(answers[3].infer_response.as_ref().unwrap().raw_output_contents[0].len(), 8);
}

#[tokio::test]
async fn a_slow_answer_holds_back_those_behind_it() {
    let server = Server::start().await;
    let port = server.load("held", DataType::Fp32, false);
    let (sender, receiver) = unbounded_channel();
    sender.send(named("held", "slow")).unwrap();
    sender.send(named("identity_FP32", "fast")).unwrap();
    let mut stream = server.connect().await.stream(requests(receiver)).await.unwrap();
    answer(next_batch(&port).await);
    for id in ["slow", "fast"] {
        assert_eq!(stream.next().await.unwrap().unwrap().infer_response.unwrap().id, id);
    }
    drop(sender);
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn a_decoupled_model_answers_many_times_and_only_in_a_stream() {
    let server = Server::start().await;
    let port = server.load("many", DataType::Fp32, true);
    let mut client = server.connect().await;
    assert_eq!(client.infer(named("many", "")).await.unwrap_err().code(), Code::Unimplemented);

    let mut asked = named("many", "m");
    let wanted = InferParameter { parameter_choice: Some(ParameterChoice::BoolParam(true)) };
    asked.parameters.insert("triton_enable_empty_final_response".into(), wanted);
    let mut stream = client.stream(tokio_stream::iter(vec![asked])).await.unwrap();
    let mut job = next_batch(&port).await.into_jobs().remove(0);
    for _ in 0..2 {
        let output = Tensor::new("OUTPUT", DataType::Fp32, &[1, 2], Payload::from(vec![0; 8]));
        job.send(Ok(Response { outputs: vec![output], ..Response::default() })).unwrap();
    }
    job.finish_without_response();
    let mut seen = Vec::new();
    while let Some(answer) = stream.next().await {
        let response = answer.unwrap().infer_response.unwrap();
        seen.push((response.id.clone(), response.outputs.len(), is_final(&response)));
    }
    assert_eq!(seen, [("m".into(), 1, false), ("m".into(), 1, false), ("m".into(), 0, true)]);
}

#[tokio::test]
async fn an_error_ends_the_stream_where_the_client_asks_for_that() {
    let server = Server::start().await;
    let (sender, receiver) = unbounded_channel();
    sender.send(named("none", "1")).unwrap();
    let mut asked = tonic::Request::new(requests(receiver));
    asked.metadata_mut().insert("triton_grpc_error", "true".parse().unwrap());
    let mut stream = server.connect().await.stream(asked).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap_err().code(), Code::NotFound);
}
