"""The end of the server, whatever clients and models do."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from integration.robustness.asking import Channel, Message, infer_json, message, refusal, tensor, wish
from integration.robustness.repository import write_identity, write_naughty
from integration.robustness.sockets import LIVE, connected, read_answer, read_to_end
from support.server import ServerProcess, wait_until


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    write_identity(tmp_path, "simple", "FP32", 4, batch=8)
    write_naughty(tmp_path, "naughty")
    return tmp_path


def test_idle_streams_and_connections_hold_nobody(repository: Path) -> None:
    with ServerProcess(repository, "--exit-timeout-secs=20") as server, Channel(server) as channel:
        stream = channel.stream(_forever())
        assert next(stream).infer_response.model_name == "simple"
        with connected(server.http) as idle, connected(server.grpc), connected(server.metrics):
            idle.sendall(LIVE)
            assert read_answer(idle.makefile("rb")).status == 200
            began = time.monotonic()
            server.terminate()
            assert server.wait() == 0
            assert read_to_end(idle) == b""
        assert time.monotonic() - began < 15


@pytest.mark.parametrize("timeout", [0, 1])
def test_a_hanging_model_holds_the_end_no_longer_than_the_exit_timeout(
    repository: Path, timeout: int
) -> None:
    server = ServerProcess(repository, f"--exit-timeout-secs={timeout}", tolerates=r".", status=1)
    with server, Channel(server) as channel:
        workers = psutil.Process(server.pid).children(recursive=True)
        call = channel.start(wish("hang"))
        wait_until((repository / "naughty" / "hanging").exists, "the model to hang")
        began = time.monotonic()
        server.terminate()
        assert server.wait() == 1
        assert time.monotonic() - began < timeout + 8
        assert call.exception(10) is not None
    assert "requests left of model 'naughty' version 1: 1" in server.log
    assert psutil.wait_procs(workers, 10)[1] == []


def test_a_second_signal_ends_at_once(repository: Path) -> None:
    server = ServerProcess(repository, "--exit-timeout-secs=30", tolerates=r".", status=1)
    with server, Channel(server) as channel:
        workers = psutil.Process(server.pid).children(recursive=True)
        call = channel.start(wish("hang"))
        wait_until((repository / "naughty" / "hanging").exists, "the model to hang")
        server.terminate()
        server.wait_for_log("no more requests are taken")
        began = time.monotonic()
        server.terminate()
        assert server.wait() == 1
        assert time.monotonic() - began < 15
        assert call.exception(10) is not None
    assert psutil.wait_procs(workers, 15)[1] == []


def test_a_repository_of_broken_models_beside_a_good_one_serves_the_good_one(tmp_path: Path) -> None:
    write_identity(tmp_path, "simple", "FP32", 4, batch=8)
    for name, text in {
        "cut": 'name: "cut"\ninput [',
        "binary": "\0\1\2",
        "misspelled": 'backend: "identity"\nmax_batch_sise: 4\n',
        "elsewhere": 'name: "other"\nbackend: "identity"\n',
        "unknown": 'backend: "nothing"\n',
        "negative": 'backend: "identity"\nmax_batch_size: -4\n',
        "deep": "parameters { " * 10_000,
    }.items():
        (tmp_path / name / "1").mkdir(parents=True)
        (tmp_path / name / "config.pbtxt").write_text(text)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("no folder")
    flags = ("--exit-on-error=false", "--strict-readiness=false")
    with ServerProcess(tmp_path, *flags, tolerates=r".") as server:
        assert infer_json(server, "simple", {"inputs": [tensor()]})[0] == 200
        for name in ("cut", "binary", "misspelled", "elsewhere", "unknown", "negative", "deep", "empty"):
            status, error = refusal(infer_json(server, name, {"inputs": [tensor()]}))
            assert status == 404, name
            assert "is not ready: it is unavailable (" in error, error


def _forever() -> Iterator[Message]:
    yield message()
    threading.Event().wait()
