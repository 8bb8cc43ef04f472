//! What the headers of a call say, and bodies that no well-behaved client would send.

use bytes::{BufMut, Bytes};
use http_body_util::{BodyExt, Full};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::net::TcpStream;
use tonic::Code;
use trilith_core::DataType;

use crate::support::{Server, idle, request};

/// One message in its frame.
fn frame(compressed: u8, message: &[u8]) -> Vec<u8> {
    let mut framed = vec![compressed];
    framed.put_u32(message.len() as u32);
    framed.extend_from_slice(message);
    framed
}

/// Calls `ModelInfer` with any headers and body; returns the status and all headers and trailers.
async fn call(
    server: &Server,
    headers: &[(&'static str, &'static str)],
    body: Vec<u8>,
) -> (StatusCode, HeaderMap) {
    let stream = TcpStream::connect(server.address).await.unwrap();
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.unwrap();
    tokio::spawn(connection);
    let uri = format!("http://{}/inference.GRPCInferenceService/ModelInfer", server.address);
    let mut request = Request::post(uri).body(Full::new(Bytes::from(body))).unwrap();
    for (name, value) in [("content-type", "application/grpc")].iter().chain(headers) {
        request.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let (head, body) = sender.send_request(request).await.unwrap().into_parts();
    let mut all = head.headers;
    if let Some(trailers) = body.collect().await.unwrap().trailers() {
        all.extend(trailers.clone());
    }
    (head.status, all)
}

async fn refused(server: &Server, headers: &[(&'static str, &'static str)], body: Vec<u8>) -> (Code, String) {
    let (_, headers) = call(server, headers, body).await;
    let code = headers["grpc-status"].to_str().unwrap().parse::<i32>().unwrap();
    let message = headers.get("grpc-message").map(|message| message.to_str().unwrap().replace("%20", " "));
    (Code::from(code), message.unwrap_or_default())
}

#[tokio::test]
async fn a_deadline_that_passes_answers_and_withdraws() {
    let server = Server::start().await;
    let port = server.load("held", DataType::Fp32, false);
    let body = frame(0, &request("held").encode_to_vec());
    let (code, message) = refused(&server, &[("grpc-timeout", "20m")], body).await;
    assert_eq!(code, Code::DeadlineExceeded);
    assert!(message.contains("20 ms"), "{message}");
    idle(port.model()).await;
}

#[tokio::test]
async fn bodies_that_are_no_single_message_are_refused() {
    let server = Server::start().await;
    let good = frame(0, &request("identity_FP32").encode_to_vec());
    let cases = [
        (vec![], "no message"),
        ([good.clone(), good.clone()].concat(), "several messages"),
        (good[..good.len() - 1].to_vec(), "middle of a message"),
        (vec![0, 0], "middle of a message"),
        (frame(0, &[0xff; 3]), "not valid protobuf"),
        (frame(0, &[0x0a, 2, 0xc3, 0x28]), "not UTF-8"),
    ];
    for (body, expected) in cases {
        let (code, message) = refused(&server, &[], body).await;
        assert_eq!(code, Code::InvalidArgument);
        assert!(message.contains(expected), "{message}");
    }
    let (code, message) = refused(&server, &[], vec![0, 0xff, 0xff, 0xff, 0xff]).await;
    assert_eq!(code, Code::ResourceExhausted);
    assert!(message.contains("4294967295 bytes"), "{message}");
    assert_eq!(refused(&server, &[], good).await.0, Code::Ok);
}

#[tokio::test]
async fn compression_that_is_unknown_or_not_what_it_says_is_refused() {
    let server = Server::start().await;
    let message = request("identity_FP32").encode_to_vec();
    let (code, text) = refused(&server, &[("grpc-encoding", "snappy")], frame(1, &message)).await;
    assert_eq!(code, Code::Unimplemented);
    assert!(text.contains("identity,deflate,gzip"), "{text}");
    for encoding in ["gzip", "deflate"] {
        let (code, text) = refused(&server, &[("grpc-encoding", encoding)], frame(1, &message)).await;
        assert_eq!(code, Code::InvalidArgument);
        assert!(text.contains(encoding), "{text}");
    }
    assert_ne!(refused(&server, &[], frame(1, &message)).await.0, Code::Ok);
    assert_eq!(refused(&server, &[("grpc-encoding", "gzip")], frame(0, &message)).await.0, Code::Ok);
}

#[tokio::test]
async fn a_call_that_is_no_grpc_is_refused_as_such() {
    let server = Server::start().await;
    let (status, _) = call(&server, &[("content-type", "application/json")], b"{}".to_vec()).await;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}
