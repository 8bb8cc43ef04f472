"""What Prometheus reads: names, labels, kinds, and numbers that grow as they should."""

from collections.abc import Iterator

import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from support.clients import Client
from support.exposition import scrape
from support.folders import describe, write_model
from support.server import ServerProcess

ROW = {"INPUT0": np.ones((1, 4), np.float32)}
ROWS = {"INPUT0": np.ones((3, 4), np.float32)}

COUNTERS = {
    "nv_inference_request_success": 2,
    "nv_inference_count": 4,
    "nv_inference_exec_count": 2,
}
DURATIONS = (
    "nv_inference_request_duration_us",
    "nv_inference_queue_duration_us",
    "nv_inference_compute_input_duration_us",
    "nv_inference_compute_infer_duration_us",
    "nv_inference_compute_output_duration_us",
)
QUANTILES = {"0.5", "0.9", "0.99"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    repository = tmp_path_factory.mktemp("measured")
    write_model(repository, "measured", describe("identity", parameters={"execute_delay_ms": "2"}))
    write_model(repository, "unused", describe("identity"), versions=(3,))
    write_model(repository, "tagged", describe("identity", more='metric_tags { key: "team" value: "red" }'))
    own = (
        "model_metrics { metric_control {"
        ' metric_identifier { family: "nv_inference_first_response_histogram_ms" }'
        " histogram_options { buckets: [ 0.5, 25 ] } } }"
    )
    write_model(repository, "bucketed", describe("identity", more=own))
    flags = (
        "--metrics-config=summary_latencies=true",
        "--metrics-config=summary_quantiles=0.5:0.05,0.9:0.01,0.99:0.001",
        "--metrics-config=histogram_latencies=true",
    )
    with ServerProcess(repository, *flags) as process:
        yield process


def test_counters_grow_by_what_was_served(client: Client, server: ServerProcess) -> None:
    before = scrape(server)
    client.send("measured", ROW)
    client.send("measured", ROWS)
    after = scrape(server)
    labels = {"model": "measured", "version": "1"}
    for name, amount in COUNTERS.items():
        assert after.kinds[name] == "counter"
        assert after.value(name, **labels) - before.value(name, **labels) == amount
    for name in DURATIONS:
        assert after.kinds[name] == "counter"
        assert after.value(name, **labels) >= before.value(name, **labels)
    executed = "nv_inference_compute_infer_duration_us"
    assert after.value(executed, **labels) - before.value(executed, **labels) >= 4000


def test_refused_requests_are_counted_by_reason(client: Client, server: ServerProcess) -> None:
    labels = {"model": "measured", "version": "1"}
    before = scrape(server)
    with pytest.raises(InferenceServerException):
        client.send("measured", {"WRONG": ROW["INPUT0"]})
    after = scrape(server)
    name = "nv_inference_request_failure"
    reasons = {series["reason"] for series in after.labels(name) if series["model"] == "measured"}
    assert {"REJECTED", "CANCELED", "BACKEND", "OTHER"} <= reasons
    assert after.value(name, **labels) - before.value(name, **labels) in (0, 1)
    assert after.value("nv_inference_request_success", **labels) == before.value(
        "nv_inference_request_success", **labels
    )


def test_a_model_that_nobody_asked_is_there_with_zeros(server: ServerProcess) -> None:
    found = scrape(server)
    labels = {"model": "unused", "version": "3"}
    for name in COUNTERS:
        assert labels in found.labels(name)
        assert found.value(name, **labels) == 0


def test_tags_of_a_model_are_labels(server: ServerProcess) -> None:
    found = scrape(server)
    labels = {"model": "tagged", "version": "1", "_team": "red"}
    assert labels in found.labels("nv_inference_request_success")


def test_nothing_waits_when_all_is_answered(server: ServerProcess, http: Client) -> None:
    http.send("measured", ROW)
    found = scrape(server)
    assert found.kinds["nv_inference_pending_request_count"] == "gauge"
    assert found.value("nv_inference_pending_request_count", model="measured") == 0


def test_processor_and_memory_are_measured(server: ServerProcess) -> None:
    found = scrape(server)
    assert 0 <= found.value("nv_cpu_utilization") <= 1
    total = found.value("nv_cpu_memory_total_bytes")
    assert 0 < found.value("nv_cpu_memory_used_bytes") < total


def test_summaries_hold_quantiles_sums_and_counts(server: ServerProcess, http: Client) -> None:
    http.send("measured", ROW)
    found = scrape(server)
    name = "nv_inference_request_summary_us"
    assert found.kinds[name] == "summary"
    quantiles = {
        series["quantile"]: value
        for series, value in ((dict(labels), value) for labels, value in found.samples[name].items())
        if series["model"] == "measured"
    }
    assert set(quantiles) == QUANTILES
    assert 2000 <= quantiles["0.5"] <= quantiles["0.99"]
    count = found.value(f"{name}_count", model="measured")
    assert count == found.value("nv_inference_request_success", model="measured")
    assert found.value(f"{name}_sum", model="measured") >= 2000 * count


def test_histograms_grow_towards_their_count(server: ServerProcess, http: Client) -> None:
    http.send("measured", ROW)
    found = scrape(server)
    name = "nv_inference_first_response_histogram_ms"
    assert found.kinds[name] == "histogram"
    buckets = {
        float(dict(labels)["le"]): value
        for labels, value in found.samples[f"{name}_bucket"].items()
        if dict(labels)["model"] == "measured"
    }
    heights = [buckets[edge] for edge in sorted(buckets)]
    assert heights == sorted(heights)
    assert buckets[float("inf")] == found.value(f"{name}_count", model="measured") > 0


def test_a_model_has_the_buckets_that_it_chose(server: ServerProcess, http: Client) -> None:
    http.send("bucketed", ROW)
    found = scrape(server).labels("nv_inference_first_response_histogram_ms_bucket")
    edges = [float(labels["le"]) for labels in found if labels["model"] == "bucketed"]
    assert edges == [0.5, 25.0, float("inf")]


def test_metrics_have_a_door_of_their_own(server: ServerProcess) -> None:
    assert server.get("/metrics")[0] == 404
    assert server.get("/v2/health/live", door="metrics")[0] == 404
