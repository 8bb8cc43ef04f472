//! How connections live and end: pipelining, bounds, slow and vanishing clients, shutdown.

use std::future::poll_fn;
use std::sync::mpsc;
use std::task::Poll;
use std::time::Duration;

use crate::client::{Client, echo_json, request};
use crate::support::{echo, echo_engine, echo_server, engine, execute, publish, serve, spec};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use trilith_core::DataType;
use trilith_wire::Connections;
use trilith_wire::http::HttpOptions;

const INFER: &str = "/v2/models/echo/infer";

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = echo_server().await;
    let mut client = Client::connect(server.address).await;
    let requests: Vec<u8> =
        (0..20).flat_map(|number| request(INFER, "", echo_json(&format!("[{number}]"), 1))).collect();
    client.send(requests).await;
    for number in 0..20 {
        assert!(client.receive().await.text().contains(&format!("\"data\":[{number}.0]")));
    }
}

#[tokio::test]
async fn a_request_may_arrive_byte_by_byte() {
    let server = echo_server().await;
    let mut client = Client::connect(server.address).await;
    client.stream.set_nodelay(true).unwrap();
    for byte in request(INFER, "", echo_json("[1]", 1)) {
        client.send([byte]).await;
    }
    assert_eq!(client.receive().await.status, 200);
}

#[tokio::test]
async fn chunked_bodies_and_expectations_are_understood() {
    let server = echo_server().await;
    let mut client = Client::connect(server.address).await;
    let body = echo_json("[1,2]", 2);
    let (front, back) = body.split_at(10);
    let head = format!("POST {INFER} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.send(format!("{head}a\r\n{front}\r\n{:x}\r\n{back}\r\n0\r\n\r\n", back.len())).await;
    assert!(client.receive().await.text().contains("[1.0,2.0]"));

    let length = body.len();
    let head = format!(
        "POST {INFER} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
    );
    client.send(head).await;
    assert_eq!(client.receive().await.status, 100);
    client.send(body).await;
    assert_eq!(client.receive().await.status, 200);
}

#[tokio::test]
async fn what_is_over_a_bound_is_refused_by_name() {
    let options = HttpOptions { max_input_size: 1000, max_header_size: 9000, ..HttpOptions::default() };
    let server = serve(echo_engine(), options).await;
    let too_long = "1".repeat(1001);

    // Announced, and not even sent.
    let mut client = Client::connect(server.address).await;
    client.send(format!("POST {INFER} HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n")).await;
    let answer = client.receive().await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("--http-max-input-size"), "{}", answer.text());

    // Sent; the connection lives on.
    let mut client = Client::connect(server.address).await;
    assert_eq!(client.post(INFER, "", &too_long).await.status, 400);
    assert_eq!(client.post(INFER, "", echo_json("[1]", 1)).await.status, 200);

    let mut client = Client::connect(server.address).await;
    let head = format!("POST {INFER} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.send(format!("{head}3e9\r\n{too_long}\r\n0\r\n\r\n")).await;
    assert!(client.receive().await.text().contains("--http-max-input-size"));

    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, too_long.as_bytes()).unwrap();
    let mut client = Client::connect(server.address).await;
    let answer = client.post(INFER, "Content-Encoding: gzip\r\n", gzip.finish().unwrap()).await;
    assert!(answer.status == 400 && answer.text().contains("--http-max-input-size"));

    for size in [9000, 128 << 10] {
        let mut client = Client::connect(server.address).await;
        client.send(format!("GET /v2 HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(size))).await;
        assert_eq!(client.receive().await.status, 431);
    }
}

#[tokio::test]
async fn garbage_ends_its_own_connection_only() {
    let server = echo_server().await;
    let mut good = Client::connect(server.address).await;
    for garbage in [&b"garbage\r\n\r\n"[..], b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"\0\0\0\0\r\n\r\n"] {
        let mut client = Client::connect(server.address).await;
        client.send(garbage).await;
        let rest = client.closed().await;
        assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 400"));
        assert_eq!(good.get("/v2/health/live").await.status, 200);
    }
}

#[tokio::test]
async fn stalled_clients_are_let_go_and_idle_ones_are_not() {
    let patience = Duration::from_millis(400);
    let options = HttpOptions { header_timeout: patience, body_timeout: patience, ..HttpOptions::default() };
    let server = serve(echo_engine(), options).await;
    let mut idle = Client::connect(server.address).await;
    assert_eq!(idle.get("/v2").await.status, 200);

    let silent = Client::connect(server.address).await;
    let mut half = Client::connect(server.address).await;
    half.send("GET /v2 HT").await;
    let mut bodiless = Client::connect(server.address).await;
    bodiless.send(format!("POST {INFER} HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{{")).await;

    let answer = bodiless.receive().await;
    assert_eq!(answer.status, 408);
    assert!(answer.text().contains("stalled: 1 bytes came"), "{}", answer.text());
    assert!(silent.closed().await.is_empty());
    assert!(half.closed().await.is_empty());
    assert_eq!(idle.get("/v2").await.status, 200);
}

#[tokio::test]
async fn a_client_that_goes_away_frees_its_place() {
    let engine = engine();
    let port = publish(&engine, spec("echo", DataType::Fp32, &[-1]));
    let server = serve(engine, HttpOptions::default()).await;
    let mut client = Client::connect(server.address).await;
    client.send(request(INFER, "", echo_json("[1]", 1))).await;
    while server.engine.in_flight() == 0 {
        tokio::task::yield_now().await;
    }
    drop(client);
    let model = port.model();
    poll_fn(|context| {
        model.on_idle(context.waker().clone());
        if model.in_flight() == 0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

#[tokio::test]
async fn shutdown_finishes_what_is_in_flight_and_closes_the_rest() {
    let engine = engine();
    let (release, released) = mpsc::channel::<()>();
    execute(publish(&engine, spec("echo", DataType::Fp32, &[-1])), move |batch| {
        released.recv().unwrap();
        echo(batch);
    });
    let server = serve(engine, HttpOptions::default()).await;
    let mut idle = Client::connect(server.address).await;
    assert_eq!(idle.get("/v2").await.status, 200);
    let mut busy = Client::connect(server.address).await;
    busy.send(request(INFER, "", echo_json("[1]", 1))).await;
    while server.engine.in_flight() == 0 {
        tokio::task::yield_now().await;
    }

    server.shutdown.begin();
    assert!(idle.closed().await.is_empty());
    assert!(!server.task.is_finished());
    release.send(()).unwrap();
    assert_eq!(busy.receive().await.status, 200);
    server.task.await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn what_has_arrived_as_shutdown_begins_is_answered() {
    let server = echo_server().await;
    let mut known = Client::connect(server.address).await;
    assert_eq!(known.get("/v2").await.status, 200);

    // All of this before the server has its turn.
    let ask = request(INFER, "", echo_json("[1]", 1));
    let mut new: Vec<_> = (0..3).map(|_| Client::connect_and_send(server.address, &ask)).collect();
    assert_eq!(known.stream.try_write(&ask).unwrap(), ask.len());
    server.shutdown.begin();

    assert_eq!(known.receive().await.status, 200);
    for client in &mut new {
        assert_eq!(client.receive().await.status, 200);
    }
    server.task.await.unwrap();
}

#[tokio::test]
async fn a_client_that_ends_its_side_with_its_requests_gets_their_answers() {
    let server = echo_server().await;
    let get = b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n";
    for (requests, count) in
        [(get.to_vec(), 1), (get.repeat(3), 3), (request(INFER, "", echo_json("[1]", 1)), 1)]
    {
        let mut client = Client::connect(server.address).await;
        assert_eq!(client.get("/v2").await.status, 200);
        // The server has no turn in between: it finds the requests and their end together.
        assert_eq!(client.stream.try_write(&requests).unwrap(), requests.len());
        client.stream.shutdown().await.unwrap();
        for _ in 0..count {
            let mut answer = client.receive().await;
            while answer.status == 100 {
                answer = client.receive().await;
            }
            assert_eq!(answer.status, 200);
        }
    }
}

#[tokio::test]
async fn connections_over_the_bound_wait_for_a_place() {
    let options = HttpOptions { connections: Connections::at_most(1), ..HttpOptions::default() };
    let server = serve(echo_engine(), options).await;
    let mut first = Client::connect(server.address).await;
    assert_eq!(first.get("/v2").await.status, 200);
    let mut second = Client::connect(server.address).await;
    second.send("GET /v2 HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(first.get("/v2").await.status, 200);
    drop(first);
    assert_eq!(second.receive().await.status, 200);
}
