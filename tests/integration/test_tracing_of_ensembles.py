"""Traces of ensembles: the ensemble's own, and one for each step, beneath it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from repositories.models import read_template
from support.collector import Collector
from support.ensembles import describe_chain
from support.folders import describe, write_model
from support.server import ServerProcess
from support.traces import ask, marks, read, subjects

FILE = ("--trace-config=level=TIMESTAMPS", "--trace-config=level=TENSORS", "--trace-config=rate=1")
CACHE = "--cache-config=local,size=65536"
HTTP = {"HTTP_RECV_START", "HTTP_RECV_END", "HTTP_SEND_START", "HTTP_SEND_END", "INFER_RESPONSE_COMPLETE"}
WHOLE = {"REQUEST_START", "QUEUE_START", "REQUEST_END"}
COMPUTE = {"COMPUTE_START", "COMPUTE_INPUT_END", "COMPUTE_OUTPUT_START", "COMPUTE_END"}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("traced")
    for name in ("one", "two"):
        write_model(folder, name, describe("python"), {"model.py": read_template("doubling")})
    chain = describe_chain("one", "two")
    write_model(folder, "chain", chain)
    write_model(folder, "nested", describe_chain("chain", "one"))
    write_model(folder, "kept", chain + "response_cache { enable: true }\n")
    return folder


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as listening:
        yield listening


def to(file: Path) -> tuple[str, ...]:
    return (*FILE, f"--trace-config=triton,file={file}", CACHE)


def test_each_step_has_a_trace_of_its_own_beneath_the_ensembles(repository: Path, tmp_path: Path) -> None:
    file = tmp_path / "trace.json"
    with ServerProcess(repository, *to(file)) as server:
        result = ask(server, "http", "chain", request_id="mine")
    assert result.as_numpy("OUTPUT0").tolist() == [[6.0, 8.0]]
    entries = read(file)
    told = [entry for entry in entries if "model_name" in entry]
    assert sorted(entry["model_name"] for entry in told) == ["chain", "one", "two"]
    chain, one, two = (subjects(entries)[name] for name in ("chain", "one", "two"))
    assert chain == {"id": 1, "model_name": "chain", "model_version": 1, "request_id": "mine"}
    assert one == {"id": 2, "model_name": "one", "model_version": 1, "request_id": "mine", "parent_id": 1}
    assert two == {"id": 3, "model_name": "two", "model_version": 1, "request_id": "mine", "parent_id": 1}
    around, first, second = (marks(entries, number) for number in (1, 2, 3))
    assert set(around) == HTTP | WHOLE
    assert set(first) == set(second) == WHOLE | COMPUTE
    assert around["QUEUE_START"] <= first["REQUEST_START"] <= first["COMPUTE_END"]
    assert first["COMPUTE_END"] <= second["COMPUTE_START"] <= second["COMPUTE_END"]
    assert second["COMPUTE_END"] <= around["REQUEST_END"]


def test_the_tensors_between_the_steps_are_in_the_trace(repository: Path, tmp_path: Path) -> None:
    file = tmp_path / "trace.json"
    with ServerProcess(repository, *to(file)) as server:
        ask(server, "grpc", "chain")
    tensors = [
        (entry["id"], entry["activity"], entry["tensor"]["data"]) for entry in read(file) if "tensor" in entry
    ]
    assert sorted(tensors) == [
        (1, "TENSOR_BACKEND_OUTPUT", "6,8"),
        (1, "TENSOR_QUEUE_INPUT", "1.5,2"),
        (2, "TENSOR_BACKEND_OUTPUT", "3,4"),
        (2, "TENSOR_QUEUE_INPUT", "1.5,2"),
        (3, "TENSOR_BACKEND_OUTPUT", "6,8"),
        (3, "TENSOR_QUEUE_INPUT", "3,4"),
    ]


def test_ensembles_inside_each_other_are_traced_as_they_lie(repository: Path, tmp_path: Path) -> None:
    file = tmp_path / "trace.json"
    with ServerProcess(repository, *to(file)) as server:
        ask(server, "grpc", "nested")
    told = [entry for entry in read(file) if "model_name" in entry]
    number = {entry["id"]: entry["model_name"] for entry in told}
    beneath = sorted((entry["model_name"], number.get(entry.get("parent_id"))) for entry in told)
    expected = [("chain", "nested"), ("nested", None), ("one", "chain"), ("one", "nested"), ("two", "chain")]
    assert beneath == expected


def test_an_answer_from_the_cache_has_a_trace_without_steps(repository: Path, tmp_path: Path) -> None:
    file = tmp_path / "trace.json"
    with ServerProcess(repository, *to(file)) as server:
        ask(server, "http", "kept", request_id="first")
        ask(server, "http", "kept", request_id="again")
    entries = read(file)
    told = [(entry["model_name"], entry["request_id"]) for entry in entries if "model_name" in entry]
    assert sorted(told) == [("kept", "again"), ("kept", "first"), ("one", "first"), ("two", "first")]
    assert set(marks(entries, subjects(entries)["kept"]["id"])) == HTTP | WHOLE


def test_steps_are_spans_beneath_the_ensembles(repository: Path, collector: Collector) -> None:
    flags = (
        "--trace-config=mode=opentelemetry",
        "--trace-config=level=TIMESTAMPS",
        "--trace-config=rate=1",
        "--trace-config=opentelemetry,bsp_schedule_delay=50",
        f"--trace-config=opentelemetry,url={collector.url}",
    )
    with ServerProcess(repository, *flags) as server:
        ask(server, "grpc", "chain")
        spans = collector.wait_for(6)
    names = {span.span_id: span.name for span in spans}
    beneath = sorted((span.name, names.get(span.parent_span_id, "")) for span in spans)
    assert beneath == [
        ("InferRequest", ""),
        ("chain", "InferRequest"),
        ("compute", "one"),
        ("compute", "two"),
        ("one", "chain"),
        ("two", "chain"),
    ]
    assert len({span.trace_id for span in spans}) == 1
