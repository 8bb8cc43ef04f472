"""Requests in the same words as before: their answers are those of requests that are read."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from repositories.models import read_template
from support import traces
from support.clients import Client
from support.folders import describe, write_model
from support.server import ServerProcess
from support.shared import Region, placed_input, placed_output

CACHE = "--cache-config=local,size=1048576"
CACHED = "response_cache { enable: true }"
NUMBERS = itertools.count()
OUTPUTS = [("OUTPUT0", "FP32", [-1]), ("RUN", "INT32", [1])]
TIMES = 5
"""Often enough for words to be known: a first request runs, a second finds its answer, a third its words."""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cached")
    config = describe("python", outputs=OUTPUTS, more=CACHED)
    write_model(folder, "cached", config, {"model.py": read_template("numbering")})
    return folder


@pytest.fixture(scope="module")
def server(repository: Path) -> Iterator[ServerProcess]:
    with ServerProcess(repository, CACHE, "--allow-client-shm=true") as running:
        yield running


@pytest.fixture(scope="module", params=["http", "grpc"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which client asks; the asynchronous ones send the same words."""
    return str(request.param)


@pytest.fixture
def array() -> dict[str, Any]:
    """An input that no other test asks for."""
    return {"INPUT0": np.array([[next(NUMBERS), 2, 3]], np.float32)}


def run_of(answer: dict[str, Any]) -> int:
    return int(answer["RUN"][0, 0])


def counts(client: Client) -> dict[str, int]:
    """Return what was counted for the model."""
    told = client.describe("get_inference_statistics", "cached")["model_stats"][0]
    kinds = told["inference_stats"]
    counted = {kind: int(kinds[kind].get("count", 0)) for kind in ("success", "cache_hit", "cache_miss")}
    return {**counted, "executions": int(told.get("execution_count", 0))}


@pytest.mark.parametrize("binary", [True, False])
def test_every_answer_is_the_same_and_every_hit_is_counted(
    server: ServerProcess, kind: str, array: dict[str, Any], *, binary: bool
) -> None:
    with Client(kind, server) as client:
        before = counts(client)
        answers = [client.send("cached", array, binary=binary) for _ in range(TIMES)]
        after = counts(client)
    assert all(np.array_equal(answer["OUTPUT0"], array["INPUT0"]) for answer in answers)
    assert len({run_of(answer) for answer in answers}) == 1
    assert {name: after[name] - before[name] for name in after} == {
        "success": TIMES,
        "cache_hit": TIMES - 1,
        "cache_miss": 1,
        "executions": 1,
    }


def test_ids_and_the_way_of_each_output_are_those_that_were_asked_for(
    server: ServerProcess, kind: str, array: dict[str, Any]
) -> None:
    runs = set()
    with Client(kind, server) as client:
        for _ in range(TIMES):
            for name, ways in (("one", (True, True)), ("two", (False, False)), ("three", (True, False))):
                pairs = zip(("OUTPUT0", "RUN"), ways, strict=True)
                outputs = [client.output(output, binary=way) for output, way in pairs]
                result = client.infer("cached", client.inputs(array), outputs=outputs, request_id=name)
                told = result.get_response()
                runs.add(run_of(client.read(result)))
                assert (told["id"] if client.is_http else told.id) == name
                assert np.array_equal(result.as_numpy("OUTPUT0"), array["INPUT0"])
                if client.is_http:
                    assert tuple("data" not in output for output in told["outputs"]) == ways
    assert len(runs) == 1


@pytest.mark.parametrize("placed", ["inputs", "inputs and outputs"])
def test_what_lies_in_shared_memory_is_read_each_time(
    server: ServerProcess, kind: str, array: dict[str, Any], placed: str
) -> None:
    content = array["INPUT0"]
    with Client(kind, server) as client, Region("words", 64) as region:
        region.register(client)
        inputs = [placed_input(client, "INPUT0", ((1, 3), "FP32"), region.name, size=12)]
        outputs = [placed_output(client, "OUTPUT0", region.name, 12, 32), client.output("RUN")]
        for turn in range(2 * TIMES):
            content[0, 1] = turn // 3
            region.write(content)
            if placed == "inputs":
                answer = client.read(client.infer("cached", inputs))["OUTPUT0"]
            else:
                client.infer("cached", inputs, outputs=outputs)
                answer = region.read(np.float32, (1, 3), 32)
            assert np.array_equal(answer, content)
            region.write(np.full((1, 3), -1, np.float32), 32)
        client.unregister_system_shared_memory()


def test_headers_that_are_part_of_a_request_are_part_of_the_question(
    repository: Path, array: dict[str, Any]
) -> None:
    patterns = (f"--{wire}-header-forward-pattern=tone" for wire in ("http", "grpc"))
    with ServerProcess(repository, CACHE, *patterns) as server:
        for kind in ("http", "grpc"):
            runs: dict[str, set[int]] = {"": set(), "loud": set(), "low": set()}
            with Client(kind, server) as client:
                for _ in range(TIMES):
                    for tone, seen in runs.items():
                        headers = {"tone": tone} if tone else {}
                        seen.add(run_of(client.send("cached", array, headers=headers)))
            assert list(runs.values()) == [{1}, {2}, {3}], kind


def test_the_same_bytes_with_another_length_of_the_header_are_another_request(
    server: ServerProcess, array: dict[str, Any]
) -> None:
    values = array["INPUT0"][0].tolist()
    tensor = {"name": "INPUT0", "datatype": "FP32", "shape": [1, len(values)], "data": values}
    body = json.dumps({"inputs": [tensor]}).encode()
    for _ in range(TIMES):
        for length, expected in ((None, 200), (len(body), 200), (len(body) - 1, 400), ((1 << 64) - 1, 400)):
            headers = {} if length is None else {"Inference_Header_Content_Length": str(length)}
            status, _ = server.request("POST", "/v2/models/cached/infer", body, **headers)
            assert status == expected, length


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_what_is_compressed_is_answered_as_it_is_asked_for(
    server: ServerProcess, kind: str, algorithm: str, array: dict[str, Any]
) -> None:
    ways = ("request_compression_algorithm", "response_compression_algorithm")
    options = [{}, *({way: algorithm} for way in (ways if kind == "http" else ("compression_algorithm",)))]
    with Client(kind, server) as client:
        for option in options * TIMES:
            answer = client.send("cached", array, **option)
            assert np.array_equal(answer["OUTPUT0"], array["INPUT0"])


def test_another_load_of_the_model_answers_anew(repository: Path, kind: str, array: dict[str, Any]) -> None:
    flags = ("--model-control-mode=explicit", "--load-model=*")
    with ServerProcess(repository, CACHE, *flags) as server, Client(kind, server) as client:
        before = {run_of(client.send("cached", array)) for _ in range(TIMES)}
        client.unload_model("cached")
        client.load_model("cached")
        client.send("cached", {"INPUT0": np.zeros((1, 3), np.float32)})
        after = {run_of(client.send("cached", array)) for _ in range(TIMES)}
    assert (before, after) == ({1}, {2})


def test_requests_that_are_traced_leave_their_traces(
    tmp_path: Path, repository: Path, kind: str, array: dict[str, Any]
) -> None:
    file = tmp_path / "trace.json"
    flags = [f"--trace-config={item}" for item in (f"triton,file={file}", "rate=1", "level=TIMESTAMPS")]
    with ServerProcess(repository, CACHE, *flags) as server, Client(kind, server) as client:
        for _ in range(TIMES):
            client.send("cached", array)
    assert sum("model_name" in entry for entry in traces.read(file)) == TIMES
