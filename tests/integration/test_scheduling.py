"""Queues, batches, priorities, timeouts, cancellation, with models that run only when the test lets them."""

import socket
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from repositories.models import read_template
from support.calls import Queue
from support.clients import Client
from support.exposition import scrape
from support.folders import describe, write_model
from support.gate import Gate
from support.server import ServerProcess, wait_until


def queue_policy(policy: str) -> str:
    return f"dynamic_batching {{ default_queue_policy {{ {policy} }} }}"


MODELS = {
    "direct": "",
    "two": "instance_group { count: 2 kind: KIND_CPU }",
    "merging": "dynamic_batching {}",
    "waiting": "dynamic_batching { preferred_batch_size: [2] max_queue_delay_microseconds: 60000000 }",
    "ordered": "dynamic_batching { preserve_ordering: true } instance_group { count: 2 kind: KIND_CPU }",
    "priorities": "dynamic_batching { priority_levels: 3 default_priority_level: 2 }",
    "short": queue_policy("max_queue_size: 2"),
    "rejecting": queue_policy(
        "timeout_action: REJECT default_timeout_microseconds: 50000 allow_timeout_override: true"
    ),
    "delaying": queue_policy(
        "timeout_action: DELAY default_timeout_microseconds: 60000000 allow_timeout_override: true"
    ),
}
UNBATCHED = ("direct", "two", "ordered", "priorities", "short", "delaying")


@pytest.fixture(scope="module")
def gates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Gate]]:
    folder = tmp_path_factory.mktemp("gates")
    made = {name: Gate(folder / name) for name in MODELS}
    yield made
    for gate in made.values():
        gate.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, gates: dict[str, Gate]) -> Iterator[ServerProcess]:
    repository = tmp_path_factory.mktemp("gated")
    for name, more in MODELS.items():
        config = describe(
            "python",
            parameters=gates[name].parameters,
            max_batch_size=1 if name in UNBATCHED else 8,
            more=more,
        )
        write_model(repository, name, config, {"model.py": read_template("gated")})
    with ServerProcess(repository) as process:
        yield process


@pytest.fixture
def gate(request: pytest.FixtureRequest, gates: dict[str, Gate]) -> Iterator[Gate]:
    """The gate of the model that the test names, empty before and after."""
    found = gates[request.param]
    yield found
    assert found.is_quiet()


def for_model(name: str) -> Any:
    """Give the test the gate and the queue of one model."""
    return pytest.mark.parametrize(("gate", "line"), [(name, name)], indirect=True)


@pytest.fixture
def line(request: pytest.FixtureRequest, server: ServerProcess, grpc: Client) -> Queue:
    return Queue(server, grpc, request.param)


def statistics(client: Client, model: str) -> dict[str, Any]:
    (found,) = client.describe("get_inference_statistics", model)["model_stats"]
    return dict(found)


@for_model("direct")
def test_one_instance_runs_one_request_at_a_time(gate: Gate, line: Queue) -> None:
    first = line.send(1)
    assert gate.next_arrival() == ["1"]
    second = line.add(2)
    assert gate.is_quiet()
    gate.let_through()
    assert first.value() == 1
    assert gate.next_arrival() == ["2"]
    gate.let_through()
    assert second.value() == 2


@for_model("two")
def test_as_many_requests_run_at_once_as_there_are_instances(gate: Gate, line: Queue) -> None:
    calls = [line.send(1), line.send(2)]
    assert sorted(gate.next_arrival() + gate.next_arrival()) == ["1", "2"]
    calls.append(line.add(3))
    assert gate.is_quiet()
    gate.let_through(3)
    assert [call.value() for call in calls] == [1, 2, 3]
    assert gate.next_arrival() == ["3"]


@for_model("merging")
def test_requests_that_wait_together_run_together(gate: Gate, line: Queue, grpc: Client) -> None:
    before = statistics(grpc, "merging")
    calls = [line.send(1)]
    assert gate.next_arrival() == ["1"]
    calls += [line.add(number) for number in (2, 3, 4)]
    gate.let_through(2)
    assert gate.next_arrival() == ["2", "3", "4"]
    assert [call.value() for call in calls] == [1, 2, 3, 4]
    after = statistics(grpc, "merging")
    assert int(after["inference_count"]) - int(before.get("inference_count", 0)) == 4
    assert int(after["execution_count"]) - int(before.get("execution_count", 0)) == 2
    assert {int(entry["batch_size"]) for entry in after["batch_stats"]} == {1, 3}


@for_model("waiting")
def test_a_preferred_batch_runs_before_its_delay_is_over(gate: Gate, line: Queue) -> None:
    first = line.add(1)
    assert gate.is_quiet()
    second = line.send(2)
    assert gate.next_arrival() == ["1", "2"]
    gate.let_through()
    assert [first.value(), second.value()] == [1, 2]


@for_model("ordered")
def test_an_answer_waits_for_those_before_it_where_order_is_kept(gate: Gate, line: Queue) -> None:
    with gate.hold("1") as let_first_through:
        calls = [line.send(1)]
        assert gate.next_arrival() == ["1"]
        calls.append(line.send(2))
        assert gate.next_arrival() == ["2"]
        gate.let_through()
        calls.append(line.send(3))
        assert gate.next_arrival() == ["3"]  # so the second has been executed
        assert not calls[1].is_done
        let_first_through()
    gate.let_through()
    assert [call.value() for call in calls] == [1, 2, 3]


@for_model("priorities")
def test_urgent_requests_overtake(gate: Gate, line: Queue) -> None:
    calls = [line.send(1)]
    assert gate.next_arrival() == ["1"]
    calls += [line.add(2, priority=3), line.add(3), line.add(4, priority=1), line.add(5, priority=2)]
    gate.let_through(5)
    assert [gate.next_arrival() for _ in range(4)] == [["4"], ["3"], ["5"], ["2"]]
    assert [call.value() for call in calls] == [1, 2, 3, 4, 5]


@for_model("short")
def test_a_full_queue_refuses_and_counts_what_it_refuses(
    gate: Gate, line: Queue, server: ServerProcess
) -> None:
    calls = [line.send(1)]
    assert gate.next_arrival() == ["1"]
    calls += [line.add(2), line.add(3)]
    refused = line.send(4)
    assert refused.error().status() == "StatusCode.UNAVAILABLE"
    assert "short" in refused.error().message()
    with Client("http", server) as http, pytest.raises(InferenceServerException) as caught:
        http.send("short", {"INPUT0": np.ones((1, 4), np.float32)})
    assert caught.value.status() == "503"
    gate.let_through(3)
    assert [call.value() for call in calls] == [1, 2, 3]
    assert [gate.next_arrival() for _ in range(2)] == [["2"], ["3"]]
    failures = scrape(server).value("nv_inference_request_failure", model="short", reason="REJECTED")
    assert failures == 2


@for_model("rejecting")
def test_a_request_that_waits_too_long_is_rejected(gate: Gate, line: Queue, server: ServerProcess) -> None:
    first = line.send(1)
    assert gate.next_arrival() == ["1"]
    late = line.send(2)
    patient = line.send(3, timeout=50)
    assert late.error().status() == "StatusCode.UNAVAILABLE"
    assert patient.error().status() == "StatusCode.UNAVAILABLE"
    with Client("http", server) as http, pytest.raises(InferenceServerException) as caught:
        http.send("rejecting", {"INPUT0": np.ones((1, 4), np.float32)})
    assert caught.value.status() == "503"
    gate.let_through()
    assert first.value() == 1
    failures = scrape(server).value("nv_inference_request_failure", model="rejecting", reason="REJECTED")
    assert failures == 3


@for_model("delaying")
def test_a_delayed_request_runs_after_those_in_time(gate: Gate, line: Queue) -> None:
    first = line.send(1)
    assert gate.next_arrival() == ["1"]
    calls = [line.add(2, timeout=1), line.add(3)]
    gate.let_through(3)
    assert [gate.next_arrival(), gate.next_arrival()] == [["3"], ["2"]]
    assert [first.value(), *(call.value() for call in calls)] == [1, 2, 3]


def failures(server: ServerProcess, model: str, reason: str) -> float:
    return scrape(server).value("nv_inference_request_failure", model=model, reason=reason)


@for_model("direct")
def test_a_cancelled_call_leaves_the_queue(gate: Gate, line: Queue, server: ServerProcess) -> None:
    before = failures(server, "direct", "CANCELED")
    first = line.send(1)
    assert gate.next_arrival() == ["1"]
    unwanted = line.add(2)
    last = line.add(3)
    unwanted.cancel()
    assert unwanted.error() is not None
    line.expect(1)
    gate.let_through(2)
    assert gate.next_arrival() == ["3"]
    assert [first.value(), last.value()] == [1, 3]
    wait_until(lambda: failures(server, "direct", "CANCELED") == before + 1, "the cancellation to be counted")


@for_model("direct")
def test_a_call_whose_deadline_passes_leaves_the_queue(gate: Gate, line: Queue) -> None:
    first = line.send(1)
    assert gate.next_arrival() == ["1"]
    # Long enough for a slow machine to see it wait.
    hasty = line.add(2, client_timeout=2.0)
    assert hasty.error().status() == "StatusCode.DEADLINE_EXCEEDED"
    line.expect(0)
    gate.let_through()
    assert first.value() == 1


@for_model("direct")
def test_an_http_client_that_goes_away_leaves_the_queue(
    gate: Gate, line: Queue, server: ServerProcess
) -> None:
    first = line.send(1)
    assert gate.next_arrival() == ["1"]
    host, port = server.http.split(":")
    body = b'{"inputs": [{"name": "INPUT0", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}]}'
    head = f"POST /v2/models/direct/infer HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode() + body)
        line.expect(1)
    line.expect(0)
    gate.let_through()
    assert first.value() == 1


@for_model("direct")
def test_a_stream_that_is_cut_leaves_the_queue(gate: Gate, line: Queue, server: ServerProcess) -> None:
    first = line.send(1)
    assert gate.next_arrival() == ["1"]
    with Client("grpc", server) as other:
        other.start_stream(lambda result, error: None)  # noqa: ARG005  called by name
        other.async_stream_infer("direct", other.inputs({"INPUT0": np.ones((1, 4), np.float32)}))
        line.expect(1)
        other.stop_stream(cancel_requests=True)
    line.expect(0)
    gate.let_through()
    assert first.value() == 1


@for_model("direct")
def test_waiting_is_counted_as_queue_time_and_running_as_compute_time(
    gate: Gate, line: Queue, grpc: Client
) -> None:
    def spent(part: str) -> int:
        return int(statistics(grpc, "direct").get("inference_stats", {}).get(part, {}).get("ns", 0))

    before = {part: spent(part) for part in ("queue", "compute_infer", "success")}
    first = line.send(1)
    assert gate.next_arrival() == ["1"]
    second = line.add(2)
    gate.let_through(2)
    assert gate.next_arrival() == ["2"]
    assert [first.value(), second.value()] == [1, 2]
    grown = {part: spent(part) - before[part] for part in before}
    assert grown["queue"] > 0
    assert grown["compute_infer"] > 0
    assert grown["success"] >= grown["queue"] + grown["compute_infer"]
