//! Bytes that are no gRPC, or no message.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;
use trilith_wire::grpc::protocol::inference::infer_parameter::ParameterChoice;
use trilith_wire::grpc::protocol::inference::{InferParameter, ModelInferResponse};

use crate::support::{Server, request};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[tokio::test]
async fn garbage_ends_its_own_connection_and_no_other() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let garbage = [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
        vec![0; 64],
        [PREFACE, &[0xff; 64]].concat(),
        [PREFACE, &[0, 0, 4, 1, 5, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]].concat(),
    ];
    for bytes in garbage {
        let mut connection = TcpStream::connect(server.address).await.unwrap();
        connection.write_all(&bytes).await.unwrap();
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(10), connection.read_to_end(&mut rest));
        // A reset is an end as well.
        let _ = ended.await.expect("the connection should be ended");
        assert!(client.infer(request("identity_FP32")).await.is_ok());
    }
}

#[tokio::test]
async fn a_message_that_is_no_request_is_refused() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let other = |choice| InferParameter { parameter_choice: Some(choice) };
    let cases = [
        (other(ParameterChoice::Int64Param(3)), "field 'model_version'"),
        (other(ParameterChoice::Uint64Param(3)), "field 'inputs'"),
    ];
    for (message, expected) in cases {
        let status = client.call::<_, ModelInferResponse>("ModelInfer", message).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().contains(expected), "{}", status.message());
    }
}

#[tokio::test]
async fn shapes_that_cannot_be_are_refused() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    for shape in [vec![-1, 2], vec![1, i64::MIN], vec![1 << 62, 8], vec![9, 1], vec![], vec![1; 5000]] {
        let mut asked = request("identity_FP32");
        asked.inputs[0].shape.clone_from(&shape);
        let status = client.infer(asked).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{shape:?}");
    }
    let mut asked = request("identity_BYTES");
    asked.inputs[0].datatype = "BYTES".into();
    let status = client.infer(asked).await.unwrap_err();
    assert!(status.message().contains("past the end"), "{}", status.message());
}
