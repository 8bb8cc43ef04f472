//! The HTTP endpoint over a real socket: routes, inference, compression.

use std::io::{Read, Write};

use crate::client::{Client, echo_json};
use crate::support::{echo_server, publish, spec};
use trilith_core::DataType;

const INFER: &str = "/v2/models/echo/infer";

#[tokio::test]
async fn what_only_reads_is_answered_on_one_connection() {
    let server = echo_server().await;
    let mut client = Client::connect(server.address).await;
    for (path, status, body) in [
        ("/v2", 200, r#"{"name":"triton","version":"2.51.0","extensions":["statistics"]}"#),
        ("/v2/health/live", 200, ""),
        ("/v2/health/ready", 200, ""),
        ("/v2/models/echo/ready", 200, ""),
        ("/v2/models/echo/versions/1/ready", 200, ""),
        ("/v2/models/echo/config", 200, r#"{"name":"echo"}"#),
        (
            "/v2/models/%65cho?x=1",
            200,
            r#"{"name":"echo","versions":["1"],"platform":"echo","inputs":[{"name":"IN","datatype":"FP32","shape":[-1,-1]}],"outputs":[{"name":"OUT","datatype":"FP32","shape":[-1,-1]}]}"#,
        ),
    ] {
        let answer = client.get(path).await;
        assert_eq!((answer.status, answer.text()), (status, body), "{path}");
    }
    assert!(client.get("/v2/models/stats").await.text().contains(r#""name":"text""#));
    assert!(client.get("/v2/models/echo/stats").await.text().contains(r#""inference_stats":{"success":"#));
    let index =
        r#"[{"name":"echo","version":"1","state":"READY"},{"name":"text","version":"1","state":"READY"}]"#;
    for body in ["", "{}", r#"{"ready":true}"#] {
        assert_eq!(client.post("/v2/repository/index", "", body).await.text(), index);
    }
}

#[tokio::test]
async fn what_does_not_exist_is_told_with_its_status() {
    let server = echo_server().await;
    let mut client = Client::connect(server.address).await;
    for (path, status, part) in [
        ("/", 404, "Not Found"),
        ("/v2/models/nope", 404, "nope"),
        ("/v2/models/nope/config", 404, "nope"),
        ("/v2/models/echo/versions/7", 404, "echo"),
        ("/v2/models/echo/versions/x", 404, "no version 'x'"),
        ("/v2/models/nope/ready", 400, "nope"),
        ("/v2/models/nope/stats", 400, "nope"),
        (INFER, 405, "takes POST, GET was given"),
    ] {
        let answer = client.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(
            answer.text().starts_with("{\"error\":\"") && answer.text().contains(part),
            "{}",
            answer.text()
        );
    }
    let answer = client.post("/v2/models/nope/infer", "", echo_json("[1]", 1)).await;
    assert_eq!(answer.status, 404);
    let answer = client.post("/v2", "", "").await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET")));
    assert_eq!(client.post("/v2/repository/index", "", "{\"ready\":1}").await.status, 400);
}

#[tokio::test]
async fn json_binary_and_raw_tensors_are_answered_in_kind() {
    let server = echo_server().await;
    let mut client = Client::connect(server.address).await;
    let answer = client.post(INFER, "", echo_json("[[0.5,NaN]]", 2)).await;
    assert_eq!(
        answer.text(),
        r#"{"model_name":"echo","model_version":"1","outputs":[{"name":"OUT","datatype":"FP32","shape":[1,2],"data":[0.5,NaN]}]}"#
    );
    assert_eq!(answer.header("content-type"), Some("application/json"));

    let header = r#"{"id":"7","parameters":{"binary_data_output":true},"inputs":[{"name":"IN","datatype":"FP32","shape":[1,2],"parameters":{"binary_data_size":8}}]}"#;
    let body = [header.as_bytes(), b"12345678"].concat();
    let length = format!("Inference-Header-Content-Length: {}\r\n", header.len());
    let answer = client.post(INFER, &length, body).await;
    let header_length: usize = answer.header("inference-header-content-length").unwrap().parse().unwrap();
    let (json, binary) = answer.body.split_at(header_length);
    assert!(String::from_utf8_lossy(json).starts_with(r#"{"id":"7","#));
    assert_eq!(binary, b"12345678");
    assert_eq!(answer.header("content-type"), Some("application/octet-stream"));

    let answer = client.post(INFER, "Inference-Header-Content-Length: 0\r\n", "12345678").await;
    assert!(answer.body.ends_with(b"12345678"));
    let answer = client.post("/v2/models/text/infer", "Inference-Header-Content-Length: 0\r\n", "hi").await;
    assert!(answer.body.ends_with(b"\x02\0\0\0hi"));
}

#[tokio::test]
async fn a_large_tensor_comes_back_whole() {
    let server = echo_server().await;
    let mut client = Client::connect(server.address).await;
    let content: Vec<u8> = (0..1_u32 << 20).flat_map(u32::to_le_bytes).collect();
    let header = format!(
        r#"{{"inputs":[{{"name":"IN","datatype":"FP32","shape":[1,{}],"parameters":{{"binary_data_size":{}}}}}],"outputs":[{{"name":"OUT","parameters":{{"binary_data":true}}}}]}}"#,
        content.len() / 4,
        content.len()
    );
    let length = format!("Inference-Header-Content-Length: {}\r\n", header.len());
    for _ in 0..3 {
        let answer = client.post(INFER, &length, [header.as_bytes(), &content].concat()).await;
        assert_eq!(answer.status, 200);
        assert!(answer.body.ends_with(&content));
    }
}

#[tokio::test]
async fn bodies_may_be_packed_both_ways() {
    let server = echo_server().await;
    let mut client = Client::connect(server.address).await;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(echo_json("[1,2]", 2).as_bytes()).unwrap();
    let headers = "Content-Encoding: gzip\r\nAccept-Encoding: deflate\r\n";
    let answer = client.post(INFER, headers, gzip.finish().unwrap()).await;
    assert_eq!(answer.header("content-encoding"), Some("deflate"));
    let mut text = String::new();
    flate2::read::ZlibDecoder::new(&answer.body[..]).read_to_string(&mut text).unwrap();
    assert!(text.contains(r#""data":[1.0,2.0]"#), "{text}");

    let answer = client.post(INFER, "Content-Encoding: gzip\r\n", echo_json("[1]", 1)).await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("cannot be read as gzip"));
    let answer = client.post(INFER, "Content-Encoding: br\r\n", echo_json("[1]", 1)).await;
    assert_eq!((answer.status, answer.header("accept-encoding")), (501, Some("gzip, deflate")));
}

#[tokio::test]
async fn mistakes_are_told_and_the_connection_serves_on() {
    let server = echo_server().await;
    let mut client = Client::connect(server.address).await;
    for (headers, body) in [
        ("", "{"),
        ("", ""),
        ("", "{\"inputs\":[{\"name\":\"NO\",\"datatype\":\"FP32\",\"shape\":[1,1],\"data\":[1]}]}"),
        ("", "{\"inputs\":[{\"name\":\"IN\",\"datatype\":\"INT8\",\"shape\":[1,1],\"data\":[1]}]}"),
        ("", "{\"inputs\":[]}"),
        ("Inference-Header-Content-Length: 9999\r\n", "{}"),
        ("Inference-Header-Content-Length: -1\r\n", "{}"),
        ("Inference-Header-Content-Length: x\r\n", "{}"),
        ("Inference-Header-Content-Length: 0\r\n", "12345"),
    ] {
        let answer = client.post(INFER, headers, body).await;
        assert_eq!(answer.status, 400, "{headers}{body}: {}", answer.text());
        assert!(answer.text().starts_with("{\"error\":\""));
    }
    assert_eq!(client.post(INFER, "", echo_json("[1]", 1)).await.status, 200);
}

#[tokio::test]
async fn a_decoupled_model_is_refused_with_the_way_out() {
    let server = echo_server().await;
    let mut decoupled = spec("stream", DataType::Fp32, &[-1]);
    decoupled.decoupled = true;
    let _port = publish(&server.engine, decoupled);
    let mut client = Client::connect(server.address).await;
    let answer = client.post("/v2/models/stream/infer", "", echo_json("[1]", 1)).await;
    assert_eq!(answer.status, 501);
    assert!(answer.text().contains("ModelStreamInfer"));
}
