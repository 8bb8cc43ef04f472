"""Start, end, and what is served in between: command lines, repositories, broken models, signals."""

import errno
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from repositories.models import read_template
from support.calls import Call, wait_until_pending
from support.clients import KINDS, Client
from support.folders import describe, write_model
from support.gate import Gate
from support.server import ServerProcess, run_to_end, wait_until

ROW = {"INPUT0": np.ones((1, 4), np.float32)}

BROKEN = """
backend: "identity"
max_batch_siz: 8
input { name: "INPUT0" data_type: TYPE_FP23 dims: [4] }
"""

RAISING = """
class TritonPythonModel:
    def initialize(self, args):
        raise ValueError("not today")

    def execute(self, requests):
        return []
"""


@pytest.fixture
def good(tmp_path: Path) -> Path:
    repository = tmp_path / "good_models"
    write_model(repository, "good", describe("identity"))
    return repository


@pytest.fixture
def mixed(good: Path) -> Path:
    write_model(good, "misspelled", BROKEN)
    write_model(good, "empty", describe("python"))
    write_model(good, "raising", describe("python"), {"model.py": RAISING})
    return good


def test_the_old_command_serves_with_the_old_flags(good: Path, tmp_path: Path) -> None:
    other = tmp_path / "other_models"
    write_model(other, "second", describe("identity"))
    flags = (f"--model-repository={good}", f"--model-repository={other}", "--strict-model-config=true")
    with ServerProcess(*flags, command=["tritonserver"], tolerates="deprecated") as server:
        for kind in KINDS:
            with Client(kind, server) as client:
                for model in ("good", "second"):
                    assert client.send(model, ROW)["OUTPUT0"].tolist() == [[1, 1, 1, 1]]


def test_the_same_model_in_two_repositories_is_served_from_neither(good: Path, tmp_path: Path) -> None:
    other = tmp_path / "other_models"
    write_model(other, "good", describe("identity"))
    write_model(other, "fine", describe("identity"))
    flags = ("--exit-on-error=false", "--strict-readiness=false")
    with ServerProcess(good, other, *flags, tolerates="good") as server, Client("http", server) as client:
        assert client.is_model_ready("fine")
        assert not client.is_model_ready("good")


def index(server: ServerProcess) -> dict[str, dict[str, Any]]:
    status, body = server.request("POST", "/v2/repository/index")
    assert status == 200
    return {row["name"]: row for row in json.loads(body)}


def test_good_models_serve_beside_broken_ones_whose_reasons_are_told(mixed: Path) -> None:
    troubles = "misspelled|empty|raising|config.pbtxt"
    with ServerProcess(mixed, "--exit-on-error=false", ready=False, tolerates=troubles) as server:
        server.wait_for_log("model versions are ready")
        rows = index(server)
        for kind in KINDS:
            with Client(kind, server) as client:
                assert client.send("good", ROW)["OUTPUT0"].tolist() == [[1, 1, 1, 1]]
                assert client.is_server_live()
                assert not client.is_server_ready()
                with pytest.raises(InferenceServerException, match="misspelled"):
                    client.send("misspelled", ROW)
    assert rows["good"]["state"] == "READY"
    for name in ("misspelled", "empty", "raising"):
        assert rows[name]["state"] == "UNAVAILABLE"
    assert "max_batch_size" in rows["misspelled"]["reason"]
    assert "TYPE_FP32" in rows["misspelled"]["reason"]
    assert "model.py" in rows["empty"]["reason"]
    assert "not today" in rows["raising"]["reason"]


def test_readiness_can_do_without_the_broken_ones(mixed: Path) -> None:
    flags = ("--exit-on-error=false", "--strict-readiness=false")
    with ServerProcess(mixed, *flags, tolerates="misspelled|empty|raising|config.pbtxt") as server:
        assert server.get("/v2/health/ready")[0] == 200


def test_a_broken_model_ends_the_start_unless_told_otherwise(mixed: Path) -> None:
    status, output = run_to_end(mixed)
    assert status == 1
    assert "max_batch_size" in output
    assert "--exit-on-error=false" in output


def test_a_mistake_on_the_command_line_is_answered_with_the_nearest_flag(good: Path) -> None:
    status, output = run_to_end(good, "--http-prot=1")
    assert status == 2
    assert "--http-port" in output


def test_a_repository_that_is_not_there_ends_the_start(tmp_path: Path) -> None:
    status, output = run_to_end(tmp_path / "nowhere")
    assert status != 0
    assert "nowhere" in output


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    made = Gate(tmp_path / "gate")
    yield made
    made.close()


@pytest.fixture
def gated(tmp_path: Path, gate: Gate) -> Path:
    repository = tmp_path / "gated_models"
    config = describe("python", parameters=gate.parameters, max_batch_size=1)
    write_model(repository, "gated", config, {"model.py": read_template("gated")})
    return repository


def test_what_is_in_flight_is_finished_before_the_end(gated: Path, gate: Gate) -> None:
    with ServerProcess(gated) as server, Client("grpc", server) as client:
        calls = [Call(client, "gated", 1)]
        assert gate.next_arrival() == ["1"]
        calls.append(Call(client, "gated", 2))
        wait_until_pending(server, "gated", 1)
        server.terminate()
        server.wait_for_log("no more requests")
        gate.let_through(2)
        assert [call.value() for call in calls] == [1, 2]
        assert gate.next_arrival() == ["2"]
        assert server.wait() == 0


def test_who_comes_after_the_signal_is_turned_away(gated: Path, gate: Gate) -> None:
    with ServerProcess(gated) as server, Client("grpc", server) as client:
        call = Call(client, "gated", 1)
        assert gate.next_arrival() == ["1"]
        server.terminate()
        for address in (server.http, server.grpc, server.metrics):
            wait_until(partial(is_refused, address), f"nobody to listen on {address} any more")
        gate.let_through()
        assert call.value() == 1
        assert server.wait() == 0


def is_refused(address: str) -> bool:
    host, port = address.split(":")
    with socket.socket() as connection:
        return connection.connect_ex((host, int(port))) == errno.ECONNREFUSED


def test_a_second_signal_ends_at_once(gated: Path, gate: Gate) -> None:
    server = ServerProcess(gated)
    with Client("grpc", server.__enter__()) as client:
        call = Call(client, "gated", 1)
        assert gate.next_arrival() == ["1"]
        server.terminate()
        server.wait_for_log("no more requests")
        server.terminate()
        assert server.wait() == 1
        assert call.error() is not None
    gate.let_through()
    assert "ending at once" in server.log


def test_what_does_not_finish_in_time_is_named_and_fails_the_exit(gated: Path, gate: Gate) -> None:
    server = ServerProcess(gated, "--exit-timeout-secs=1")
    with Client("grpc", server.__enter__()) as client:
        call = Call(client, "gated", 1)
        assert gate.next_arrival() == ["1"]
        server.terminate()
        assert server.wait() == 1
        assert call.error() is not None
    gate.let_through()
    assert "'gated'" in server.log


def test_the_request_that_is_shown_at_the_start_works_when_pasted(good: Path) -> None:
    with ServerProcess(good) as server:
        line = server.wait_for_log("curl ")
        pasted = subprocess.run(["bash", "-c", line], capture_output=True, timeout=30, check=True)
        assert json.loads(pasted.stdout)["outputs"][0]["name"] == "OUTPUT0"


def test_an_interrupt_ends_as_a_termination_does(good: Path) -> None:
    with ServerProcess(good) as server:
        os.kill(server.pid, signal.SIGINT)
        assert server.wait() == 0


def test_idle_connections_do_not_hold_up_the_end(good: Path) -> None:
    with ServerProcess(good, "--exit-timeout-secs=30") as server:
        for kind in ("http", "grpc"):
            client = Client(kind, server)
            client.is_server_live()
            if kind == "grpc":
                client.start_stream(lambda result, error: None)  # noqa: ARG005  called by name
        server.terminate()
        server.wait_for_log("stopped", timeout=20)
        assert server.wait() == 0


def test_logs_can_be_objects_of_json(good: Path, tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    with ServerProcess(good, "--log-format=json"):
        pass
    status, _ = run_to_end(good, "--log-format=json", f"--log-file={log}", "--http-address=256.0.0.1")
    assert status == 1
    for line in log.read_text().splitlines():
        assert json.loads(line)["message"]
