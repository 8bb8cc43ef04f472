//! The metrics endpoint over a real socket.

use crate::client::{Client, echo_json};
use crate::support::{context, echo_server};
use tokio::net::TcpListener;
use trilith_wire::metrics::{self, MetricsOptions};

#[tokio::test]
async fn an_inference_shows_in_the_metrics() {
    let server = echo_server().await;
    let mut client = Client::connect(server.address).await;
    assert_eq!(client.post("/v2/models/echo/infer", "", echo_json("[1]", 1)).await.status, 200);

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let options = MetricsOptions { cpu: true, ..MetricsOptions::default() };
    let task =
        tokio::spawn(metrics::serve(listener, context(&server.engine), options, server.shutdown.clone()));
    let mut collector = Client::connect(address).await;
    let answer = collector.get("/metrics").await;
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    for line in [
        "nv_inference_request_success{model=\"echo\",version=\"1\"} 1",
        "nv_inference_count{model=\"echo\",version=\"1\"} 1",
        "nv_inference_request_failure{model=\"echo\",reason=\"BACKEND\",version=\"1\"} 0",
        "nv_inference_pending_request_count{model=\"text\",version=\"1\"} 0",
        "# TYPE nv_cpu_memory_total_bytes gauge",
    ] {
        assert!(answer.text().lines().any(|found| found == line), "{line} is not in\n{}", answer.text());
    }
    assert_eq!(collector.get("/").await.status, 404);
    assert_eq!(collector.post("/metrics", "", "").await.status, 405);
    server.shutdown.begin();
    task.await.unwrap();
}
