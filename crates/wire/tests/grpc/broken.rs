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

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn http2_frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

#[tokio::test]
async fn calls_taken_back_all_at_once_leave_the_connection_alone() {
    const HEADERS: u8 = 1;
    const RESET: u8 = 3;
    const SETTINGS: u8 = 4;
    const PING: u8 = 6;
    const GO_AWAY: u8 = 7;
    // `POST`, `http` and `/` by their places in the static table (RFC 7541, appendix A).
    let post = [0x83, 0x86, 0x84];
    let cancel = [0, 0, 0, 8];
    let server = Server::start().await;
    let mut bytes = [PREFACE, &http2_frame(SETTINGS, 0, 0, &[])].concat();
    for stream in (1..2000).step_by(2) {
        bytes.extend(http2_frame(HEADERS, 4, stream, &post));
        bytes.extend(http2_frame(RESET, 0, stream, &cancel));
    }
    bytes.extend(http2_frame(PING, 0, 0, b"answered"));
    let mut connection = TcpStream::connect(server.address).await.unwrap();
    connection.write_all(&bytes).await.unwrap();
    loop {
        let mut head = [0; 9];
        connection.read_exact(&mut head).await.unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        connection.read_exact(&mut payload).await.unwrap();
        assert_ne!(head[3], GO_AWAY, "{}", String::from_utf8_lossy(&payload));
        if (head[3], payload.as_slice()) == (PING, b"answered") {
            break;
        }
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
