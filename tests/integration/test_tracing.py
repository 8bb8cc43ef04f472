"""Traces in Triton's files: what is written, when, and how it is changed while the server runs."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from support.clients import KINDS, Client
from support.server import ServerProcess, run_to_end, wait_until
from support.traces import ask, marks, read, settings, subjects, write_traced_models

BOTH = ("--trace-config=level=TIMESTAMPS", "--trace-config=level=TENSORS", "--trace-config=rate=1")
ENGINE = ["REQUEST_START", "QUEUE_START", "COMPUTE_START", "COMPUTE_INPUT_END", "COMPUTE_OUTPUT_START"]
ENDS = ["COMPUTE_END", "REQUEST_END"]
HTTP = ["HTTP_RECV_START", "HTTP_RECV_END", *ENGINE, *ENDS, "HTTP_SEND_START", "HTTP_SEND_END"]
GRPC = ["GRPC_WAITREAD_START", "GRPC_WAITREAD_END", *ENGINE, *ENDS, "GRPC_SEND_START", "GRPC_SEND_END"]
SETTING = "/v2/trace/setting"
OF_DOUBLING = "/v2/models/doubling/trace/setting"


def to(path: Path, *more: str) -> tuple[str, ...]:
    return (f"--trace-config=triton,file={path}", *more)


@pytest.fixture(scope="module")
def repository(isolation: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_traced_models(tmp_path_factory.mktemp("traced"), isolation)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_traced_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def quiet(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that could trace and does not, unless it is told to."""
    file = tmp_path_factory.mktemp("quiet") / "trace.json"
    with ServerProcess(models, *to(file)) as server:
        yield server


def test_a_trace_tells_where_a_request_was_and_what_it_held(repository: Path, tmp_path: Path) -> None:
    file = tmp_path / "trace.json"
    with ServerProcess(repository, *to(file, *BOTH)) as server:
        ask(server, "http", request_id="by http")
        ask(server, "grpc", request_id="by gRPC")
    entries = read(file)
    names = {entry["request_id"]: entry["id"] for entry in entries if "request_id" in entry}
    by_http, by_grpc = marks(entries, names["by http"]), marks(entries, names["by gRPC"])
    assert set(by_http) == {*HTTP, "INFER_RESPONSE_COMPLETE"}
    assert set(by_grpc) == {*GRPC, "INFER_RESPONSE_COMPLETE"}
    for found, order in ((by_http, HTTP), (by_grpc, GRPC)):
        # A request ends for the engine when its answer is handed over, while that is sent already.
        times = [found[name] for name in order if name != "REQUEST_END"]
        assert times == sorted(times), "what comes later has a later time"
    tensors = [(entry["activity"], entry["tensor"]) for entry in entries if entry.get("tensor")]
    assert tensors[:2] == [
        ("TENSOR_QUEUE_INPUT", {"name": "INPUT0", "data": "1.5,2", "shape": "1,2", "dtype": "FP32"}),
        ("TENSOR_BACKEND_OUTPUT", {"name": "OUTPUT0", "data": "3,4", "shape": "1,2", "dtype": "FP32"}),
    ]


def test_requests_that_a_model_makes_are_traced_where_it_hands_the_trace_on(
    repository: Path, tmp_path: Path
) -> None:
    file = tmp_path / "trace.json"
    with ServerProcess(repository, *to(file, *BOTH)) as server:
        result = ask(server, "grpc", "handing_on", request_id="outer")
    assert result.as_numpy("OUTPUT0").tolist() == [[3.0, 4.0]]
    entries = read(file)
    asked = [entry for entry in entries if "model_name" in entry]
    outer, inner = subjects(asked)["handing_on"], subjects(asked)["doubling"]
    assert len(asked) == 2, "the call that hands no trace on is not traced"
    assert inner == {**inner, "parent_id": outer["id"], "request_id": "inner", "model_version": 1}
    around, within = marks(entries, outer["id"]), marks(entries, inner["id"])
    assert around["COMPUTE_START"] < within["REQUEST_START"] < within["REQUEST_END"] < around["COMPUTE_END"]


def test_every_so_many_traces_make_a_file(models: Path, tmp_path: Path) -> None:
    file = tmp_path / "trace.json"
    flags = to(file, "--trace-config=triton,log-frequency=2", "--trace-config=rate=2", "--trace-level=MIN")
    with ServerProcess(models, *flags, tolerates="--trace-level is deprecated") as server:
        for _ in range(8):
            ask(server, "http")
        wait_until((tmp_path / "trace.json.1").exists, "the second file")
        ask(server, "http")
        ask(server, "http")
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["trace.json.0", "trace.json.1", "trace.json.2"]
    counts = [sum("model_name" in entry for entry in read(tmp_path / name)) for name in files]
    assert counts == [2, 2, 1]


def test_a_count_ends_tracing_and_writes_what_there_is(models: Path, tmp_path: Path) -> None:
    flags = to(tmp_path / "trace.json", *BOTH[::2], "--trace-config=count=2")
    with ServerProcess(models, *flags) as server:
        for _ in range(4):
            ask(server, "http")
        wait_until((tmp_path / "trace.json.0").exists, "the file")
        assert settings(server, SETTING)[1]["trace_count"] == "0"
    assert len(subjects(read(tmp_path / "trace.json.0"))) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["trace.json.0"]


def test_a_failed_request_leaves_its_trace_and_a_refused_one_none(models: Path, tmp_path: Path) -> None:
    file = tmp_path / "trace.json"
    failing = r"model 'failing': execute\(\) raised"
    with ServerProcess(models, *to(file, *BOTH), tolerates=failing) as server:
        with pytest.raises(InferenceServerException):
            ask(server, "http", "failing", parameters={"how": "raise"})
        status, _ = server.request("POST", "/v2/models/doubling/infer", b'{"inputs":[]}')
        assert status == 400
    assert list(subjects(read(file))) == ["failing"]


def test_streams_and_generate_are_traced(models: Path, tmp_path: Path) -> None:
    file = tmp_path / "trace.json"
    with ServerProcess(models, *to(file, *BOTH[::2])) as server:
        status, _ = server.request("POST", "/v2/models/doubling/generate", b'{"INPUT0":[1.0],"id":"made"}')
        assert status == 200
        with Client("grpc", server) as client:
            tensor = client.types.InferInput("INPUT0", [1, 1], "FP32")
            tensor.set_data_from_numpy(np.ones((1, 1), np.float32))
            answered = threading.Event()
            client.start_stream(lambda **_answer: answered.set())
            client.async_stream_infer("doubling", [tensor], request_id="streamed")
            assert answered.wait(30)
            client.stop_stream()
    entries = read(file)
    names = {entry["request_id"]: entry["id"] for entry in entries if "request_id" in entry}
    assert set(HTTP) <= set(marks(entries, names["made"]))
    assert set(GRPC) <= set(marks(entries, names["streamed"]))


@pytest.mark.parametrize("kind", KINDS)
def test_settings_are_shown_changed_and_cleared_by_every_client(quiet: ServerProcess, kind: str) -> None:
    with Client(kind, quiet) as client:

        def plain(answer: Any) -> dict[str, Any]:
            if client.is_http:
                return dict(answer)
            shown = {name: value["value"] for name, value in answer["settings"].items()}
            return {name: value if name == "trace_level" else value[0] for name, value in shown.items()}

        def change(**changes: Any) -> dict[str, Any]:
            return plain(client.describe("update_trace_settings", "doubling", changes))

        before = plain(client.describe("get_trace_settings", "doubling"))
        assert before == {**before, "trace_level": ["OFF"], "trace_rate": "1000", "trace_count": "-1"}
        assert before == {**before, "log_frequency": "0", "trace_mode": "triton"}
        changed = change(trace_rate="7", trace_level=["TIMESTAMPS", "TENSORS"], trace_count="5")
        assert changed == {
            **before,
            "trace_rate": "7",
            "trace_level": ["TIMESTAMPS", "TENSORS"],
            "trace_count": "5",
        }
        assert plain(client.describe("get_trace_settings")) == before
        assert change(trace_rate=None, trace_level=None, trace_count=None) == before


@pytest.mark.parametrize(
    ("path", "change", "status", "problem"),
    [
        (SETTING, {"trace_file": "other"}, 501, "trace file location can not be updated"),
        (SETTING, {"trace_leval": ["OFF"]}, 400, "did you mean 'trace_level'?"),
        (SETTING, {"trace_level": ["LOUD"]}, 400, "unknown trace level 'LOUD'"),
        (SETTING, {"trace_level": "OFF"}, 400, "'trace_level' must be an array"),
        (SETTING, {"trace_level": ["OFF", "TENSORS"]}, 400, "Expect only one trace level 'OFF'"),
        (SETTING, {"trace_rate": 5}, 400, "'trace_rate' must be a string"),
        (SETTING, {"trace_rate": "5x"}, 400, "Unable to parse 'trace_rate', got: 5x"),
        (SETTING, {"trace_rate": "0", "trace_level": ["TENSORS"]}, 400, "sample rate must be non-zero"),
        (SETTING, {"trace_count": "-2"}, 400, "out of range [ -1, 2147483647 ], got: -2"),
        (SETTING, {"trace_mode": "opentelemetry"}, 501, "'trace_mode' can not be updated"),
        (SETTING, "[]", 400, "must be an object"),
        (SETTING, "", 400, "failed to parse"),
        ("/v2/models/nobody/trace/setting", {}, 400, "Request for unknown model : nobody"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_and_nothing_changes(
    quiet: ServerProcess, path: str, change: object, status: int, problem: str
) -> None:
    before = settings(quiet, SETTING)
    answer = settings(quiet, path, change)
    assert answer[0] == status
    assert problem in answer[1]["error"]
    assert settings(quiet, SETTING) == before


def test_settings_as_they_are_shown_may_be_sent_back(quiet: ServerProcess) -> None:
    shown = settings(quiet, SETTING)[1]
    del shown["trace_file"]
    assert settings(quiet, SETTING, shown)[0] == 200
    settings(quiet, SETTING, dict.fromkeys(("trace_level", "trace_rate", "trace_count", "log_frequency")))


def test_tracing_is_switched_on_and_off_for_one_model(quiet: ServerProcess) -> None:
    file = Path(settings(quiet, SETTING)[1]["trace_file"])
    assert settings(quiet, OF_DOUBLING, {"trace_level": ["TIMESTAMPS"], "trace_rate": "1"})[0] == 200
    ask(quiet, "http", "handing_on")
    ask(quiet, "http", "doubling", request_id="wanted")
    assert settings(quiet, OF_DOUBLING, {"trace_level": None, "trace_rate": None})[1]["trace_level"] == [
        "OFF"
    ]
    ask(quiet, "http", "doubling", request_id="not wanted")
    wait_until(file.exists, "the trace")
    assert [entry.get("request_id") for entry in read(file) if "model_name" in entry] == ["wanted"]


def test_a_server_asked_by_another_method_says_which_ones_it_takes(quiet: ServerProcess) -> None:
    status, answer = quiet.request("DELETE", SETTING)
    assert status == 405
    assert b"GET and POST" in answer


def test_a_file_that_cannot_be_written_ends_the_start_with_the_reason(models: Path, tmp_path: Path) -> None:
    file = tmp_path / "gone" / "trace.json"
    status, log = run_to_end(models, *to(file))
    assert status == 1
    assert f"the trace file '{file}' cannot be written: No such file or directory" in log


def test_a_file_that_can_no_longer_be_written_costs_no_request(models: Path, tmp_path: Path) -> None:
    folder = tmp_path / "soon gone"
    folder.mkdir()
    tolerated = "cannot be written, traces are lost|traces could not be written"
    with ServerProcess(models, *to(folder / "trace.json", *BOTH), tolerates=tolerated) as server:
        folder.rmdir()
        for _ in range(3):
            assert ask(server, "http").as_numpy("OUTPUT0").tolist() == [[3.0, 4.0]]
        server.wait_for_log("cannot be written, traces are lost")
        status, answer = settings(server, SETTING, {"trace_rate": "2"})
        assert status == 500
        assert "cannot be written: No such file or directory" in answer["error"]
    assert "traces could not be written" in server.log
