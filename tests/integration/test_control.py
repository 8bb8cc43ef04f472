"""Models that come, change and go while the server runs: by the real clients, and by changes on disk."""

import importlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from repositories.models import read_template
from repositories.onnx_models import make_sum_and_difference
from support.clients import KINDS, Client
from support.folders import describe, write_model
from support.gate import Gate
from support.server import ServerProcess, wait_until

ROW = {"INPUT0": np.ones((1, 4), np.float32)}
TOLERATED = "cannot be loaded|failed to load|load failed"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("control")
    for name in ("first", "second"):
        write_model(folder, name, describe("identity"))
    write_model(folder, "broken", 'backend: "identity"\nmax_batch_siz: 3\n')
    write_model(folder, "raising", describe("python"), {"model.py": "raise ValueError('no weights')\n"})
    return folder


@pytest.fixture(scope="module")
def server(repository: Path) -> Iterator[ServerProcess]:
    flags = ("--model-control-mode=explicit", "--load-model=first")
    with ServerProcess(repository, *flags, tolerates=TOLERATED) as running:
        yield running


def read_index(client: Client) -> dict[tuple[str, str], tuple[str, str]]:
    index = client.describe("get_model_repository_index")
    entries = index if client.is_http else index.get("models", [])
    return {
        (entry["name"], entry.get("version", "")): (entry.get("state", ""), entry.get("reason", ""))
        for entry in entries
    }


def refused(client: Client, method: str, *arguments: Any, **named: Any) -> tuple[str, str]:
    with pytest.raises(InferenceServerException) as caught:
        getattr(client, method)(*arguments, **named)
    return str(caught.value.status()), caught.value.message()


def test_only_what_was_named_is_loaded_at_the_start(client: Client) -> None:
    index = read_index(client)
    assert index["first", "1"] == ("READY", "")
    assert ("second", "1") not in index or index["second", "1"][1] == "unloaded"
    metadata = client.describe("get_server_metadata")
    assert "model_repository(unload_dependents)" in metadata["extensions"]


def test_a_model_is_loaded_served_and_unloaded(client: Client) -> None:
    client.load_model("second")
    assert client.is_model_ready("second")
    assert client.send("second", ROW)["OUTPUT0"].tolist() == [[1, 1, 1, 1]]
    client.unload_model("second", unload_dependents=True)
    assert not client.is_model_ready("second")
    with pytest.raises(InferenceServerException):
        client.send("second", ROW)


def test_what_cannot_be_loaded_says_why(client: Client) -> None:
    internal = "500" if client.is_http else "StatusCode.INTERNAL"
    invalid = "400" if client.is_http else "StatusCode.INVALID_ARGUMENT"
    status, message = refused(client, "load_model", "nowhere")
    assert status == internal
    assert "failed to load 'nowhere', failed to poll from model repository" in message
    status, message = refused(client, "load_model", "broken")
    assert status == internal
    assert "config.pbtxt:2: max_batch_siz" in message
    assert "max_batch_size" in message
    status, message = refused(client, "load_model", "raising")
    assert status == invalid
    assert "no weights" in message
    assert read_index(client)["raising", "1"][0] == "UNAVAILABLE"
    client.unload_model("nowhere")


def test_a_configuration_and_files_come_with_the_load(client: Client) -> None:
    name = f"brought_{client.kind.replace('.', '_')}"
    config = json.dumps({"backend": "onnxruntime", "max_batch_size": 2})
    client.load_model(name, config=config, files={"file:1/model.onnx": make_sum_and_difference()})
    four = np.array([[1, 2, 3, 4]], np.float32)
    assert client.send(name, {"INPUT0": four, "INPUT1": four})["OUTPUT0"].tolist() == [[2, 4, 6, 8]]
    client.unload_model(name)
    status, _ = refused(client, "load_model", name, files={"file:1/model.onnx": b"x"})
    assert status == ("400" if client.is_http else "StatusCode.INVALID_ARGUMENT")


def test_a_configuration_override_is_dropped_by_the_next_load(client: Client) -> None:
    def size() -> int:
        config = client.describe("get_model_config", "first")
        return int((config if client.is_http else config["config"])["max_batch_size"])

    given = {"backend": "identity", "max_batch_size": 5, "input": [], "output": []}
    for field, name in (("input", "INPUT0"), ("output", "OUTPUT0")):
        given[field] = [{"name": name, "data_type": "TYPE_FP32", "dims": ["-1"]}]
    client.load_model("first", config=json.dumps(given))
    assert size() == 5
    client.load_model("first")
    assert size() == 8
    status, message = refused(client, "load_model", "first", config='{"max_batch_siz": 3}')
    assert status == ("400" if client.is_http else "StatusCode.INVALID_ARGUMENT")
    assert "max_batch_siz" in message
    assert client.is_model_ready("first")


def test_temporary_files_are_gone_when_the_server_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, repository = tmp_path / "temporary", tmp_path / "repository"
    folder.mkdir()
    repository.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    with (
        ServerProcess(repository, "--model-control-mode=explicit") as running,
        Client("http", running) as client,
    ):
        config = json.dumps({"backend": "onnxruntime"})
        client.load_model("m", config=config, files={"file:1/model.onnx": make_sum_and_difference()})
        assert [path.name for path in folder.glob("trilith-*/m/1/*")] == ["model.onnx"]
    assert not list(folder.glob("trilith-*"))


def test_other_modes_refuse_loads_and_unloads(repository: Path) -> None:
    flags = ("--exit-on-error=false", "--strict-readiness=false")
    with ServerProcess(repository, *flags, tolerates=TOLERATED) as running:
        for kind in KINDS:
            with Client(kind, running) as client:
                expected = "503" if client.is_http else "StatusCode.UNAVAILABLE"
                for method in ("load_model", "unload_model"):
                    status, message = refused(client, method, "first")
                    assert status == expected
                    assert "explicit model load / unload is not allowed" in message
        status, _ = running.request("POST", "/v2/repository/mine/models/first/load", b"")
        assert status == 501


def test_a_reload_keeps_what_is_in_flight_and_a_slow_load_stalls_nobody(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    gate = Gate(tmp_path / "gate")
    config = describe("python", parameters=gate.parameters)
    write_model(repository, "gated", config, {"model.py": read_template("gated")})
    write_model(repository, "quick", describe("identity"))
    with ServerProcess(repository, "--model-control-mode=explicit", "--load-model=gated") as running:
        answers: list[Any] = []

        def ask() -> None:
            with Client("grpc", running) as client:
                answers.append(client.send("gated", ROW, request_id="held")["OUTPUT0"].tolist())

        asker = threading.Thread(target=ask)
        asker.start()
        assert gate.next_arrival() == ["held"]
        with Client("http", running) as client:
            (repository / "gated" / "1" / "extra").write_text("changed")
            client.load_model("gated")
            client.load_model("quick")
            assert client.send("quick", ROW)["OUTPUT0"].shape == (1, 4)
            client.unload_model("gated")
            assert not client.is_model_ready("gated")
            assert answers == []
            gate.let_through()
            asker.join(30)
        assert answers == [[[1, 1, 1, 1]]]
    gate.close()


def test_polling_follows_the_repository(tmp_path: Path) -> None:
    write_model(tmp_path, "a", describe("identity"))
    flags = ("--model-control-mode=poll", "--repository-poll-secs=1")
    with ServerProcess(tmp_path, *flags, tolerates=TOLERATED) as running, Client("http", running) as client:
        write_model(tmp_path, "b", describe("identity"))
        running.wait_for_log("model 'b' is ready")
        assert client.is_model_ready("b")
        path = tmp_path / "a" / "config.pbtxt"
        path.write_text(describe("identity", more="instance_group [{ count: 3 kind: KIND_CPU }]"))
        running.wait_for_log("model 'a' now has the instances")
        assert client.get_model_config("a")["instance_group"][0]["count"] == 3
        path.write_text("max_batch_siz: 1")
        running.wait_for_log("model 'a' cannot be loaded")
        assert client.send("a", ROW)["OUTPUT0"].tolist() == [[1, 1, 1, 1]]
        (tmp_path / "b").rename(tmp_path / ".away")
        running.wait_for_log("unloading model 'b'")
        wait_until(lambda: not client.is_model_ready("b"), "the model to be withdrawn")


@pytest.mark.parametrize("backend", ["python", "onnxruntime"])
def test_a_warmup_runs_before_a_model_is_ready(tmp_path: Path, backend: str) -> None:
    sample = "\n".join(
        f'inputs {{ key: "{name}" value {{ data_type: TYPE_FP32 dims: 4 {data}: true }} }}'
        for name, data in (("INPUT0", "zero_data"), ("INPUT1", "random_data"))
    )
    warmup = f'model_warmup {{ name: "w" batch_size: 2 count: 2 {sample} }}'
    if backend == "onnxruntime":
        config, files = warmup, {"model.onnx": make_sum_and_difference()}
    else:
        tensors = [("INPUT0", "FP32", [4]), ("INPUT1", "FP32", [4])]
        config = describe("python", tensors, more=warmup)
        files = {"model.py": FAILING_UNLESS_WARM}
    write_model(tmp_path, "m", config, files)
    with ServerProcess(tmp_path) as running, Client("http", running) as client:
        assert client.is_model_ready("m")
        four = np.ones((1, 4), np.float32)
        assert client.send("m", {"INPUT0": four, "INPUT1": four})["OUTPUT0"].shape == (1, 4)


FAILING_UNLESS_WARM = """
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        self.seen = 0

    def execute(self, requests):
        self.seen += len(requests)
        first = [pb_utils.get_input_tensor_by_name(request, "INPUT0").as_numpy() for request in requests]
        if first[0].any() and self.seen < 5:
            raise pb_utils.TritonModelException("cold")
        return [pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT0", array)]) for array in first]
"""


def test_the_example_goes_through_the_life_of_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    examples = Path(__file__).parents[2] / "examples"
    monkeypatch.syspath_prepend(str(examples))
    load_models = importlib.import_module("load_models")
    with ServerProcess(examples / "repository", "--model-control-mode=explicit") as running:
        seen = load_models.main(running.http)
        running.wait_for_log("now has the instances of its configuration")
    assert seen == [
        "at first: not loaded",
        "after the load: READY",
        "instances: 2",
        "after the unload, ready models: 0",
    ]
