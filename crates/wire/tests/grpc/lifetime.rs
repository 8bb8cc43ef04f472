//! Calls and connections that end: cancelled, late, cut, or with the server.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::mpsc::unbounded_channel;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Code, Request};
use trilith_core::DataType;
use trilith_wire::grpc::protocol::inference::ModelInferRequest;

use crate::support::{Server, answer, idle, next_batch, request};

#[tokio::test]
async fn a_client_that_goes_away_withdraws_its_request() {
    let server = Server::start().await;
    let port = server.load("held", DataType::Fp32, false);
    let mut client = server.connect().await;
    let call = tokio::spawn(async move { client.infer(request("held")).await });
    let batch = next_batch(&port).await;
    let model = port.model().clone();
    assert!(!batch.jobs()[0].is_cancelled());
    call.abort();
    let cancelled = async {
        while !batch.jobs()[0].is_cancelled() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), cancelled).await.expect("the model should learn of it");
    answer(batch);
    idle(&model).await;
}

#[tokio::test]
async fn a_stream_past_its_deadline_ends() {
    let server = Server::start().await;
    let port = server.load("held", DataType::Fp32, false);
    let (sender, receiver) = unbounded_channel();
    sender.send(request("held")).unwrap();
    let mut asked = Request::new(UnboundedReceiverStream::new(receiver));
    asked.metadata_mut().insert("grpc-timeout", "20m".parse().unwrap());
    let mut stream = server.connect().await.stream(asked).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap_err().code(), Code::DeadlineExceeded);
    idle(port.model()).await;
}

#[tokio::test]
async fn cutting_many_streams_disturbs_no_other() {
    let server = Server::start().await;
    let port = server.load("held", DataType::Fp32, false);
    let mut client = server.connect().await;
    let (sender, receiver) = unbounded_channel::<ModelInferRequest>();
    let mut other = client.stream(UnboundedReceiverStream::new(receiver)).await.unwrap();
    for _ in 0..5 {
        let mut cut = Vec::new();
        for _ in 0..32 {
            let asked = tokio_stream::iter(vec![request("held"); 2]);
            cut.push(client.stream(asked).await.unwrap());
        }
        drop(cut);
        sender.send(request("identity_FP32")).unwrap();
        assert!(other.next().await.unwrap().unwrap().error_message.is_empty());
    }
    idle(port.model()).await;
}

#[tokio::test]
async fn stopping_finishes_calls_in_flight() {
    let server = Server::start().await;
    let port = server.load("held", DataType::Fp32, false);
    let mut client = server.connect().await;
    let call = tokio::spawn(async move { client.infer(request("held")).await });
    let batch = next_batch(&port).await;
    server.shutdown.begin();
    answer(batch);
    call.await.unwrap().unwrap();
    server.task.await.unwrap();
}

#[tokio::test]
async fn stopping_ends_idle_streams_and_connections_at_once() {
    let server = Server::start().await;
    let silent = TcpStream::connect(server.address).await.unwrap();
    let mut client = server.connect().await;
    let (sender, receiver) = unbounded_channel();
    sender.send(request("identity_FP32")).unwrap();
    let mut stream = client.stream(UnboundedReceiverStream::new(receiver)).await.unwrap();
    stream.next().await.unwrap().unwrap();
    tokio::time::timeout(Duration::from_secs(5), server.stop())
        .await
        .expect("nothing should hold the server");
    assert_eq!(stream.next().await.unwrap().unwrap_err().code(), Code::Unavailable);
    drop((silent, sender));
}

#[tokio::test]
async fn stopping_waits_for_what_a_stream_has_in_flight() {
    let server = Server::start().await;
    let port = server.load("held", DataType::Fp32, false);
    let (sender, receiver) = unbounded_channel();
    sender.send(request("held")).unwrap();
    let mut stream = server.connect().await.stream(UnboundedReceiverStream::new(receiver)).await.unwrap();
    let batch = next_batch(&port).await;
    server.shutdown.begin();
    answer(batch);
    assert!(stream.next().await.unwrap().unwrap().error_message.is_empty());
    assert_eq!(stream.next().await.unwrap().unwrap_err().code(), Code::Unavailable);
    server.task.await.unwrap();
    drop(sender);
}
