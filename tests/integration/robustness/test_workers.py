"""Worker processes that die: what they held fails, they are started again, and everyone else goes on."""

import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from integration.robustness.asking import Channel, infer_json, refusal, tensor, wish
from integration.robustness.repository import write_identity, write_naughty, write_python
from support.server import ServerProcess, wait_until

GOOD = {"inputs": [tensor(shape=(4,))]}


def asking(do: str) -> dict[str, object]:
    return {**GOOD, "parameters": {"do": do}}


def worker_of(server: ServerProcess, model: str) -> psutil.Process:
    """The worker process of a model, by its own word."""
    status, answer = infer_json(server, model, asking("tell_pid"))
    assert status == 200, answer
    return psutil.Process(int(answer["outputs"][0]["data"][0]))


@pytest.mark.parametrize(
    ("do", "how"),
    [
        ("exit", "ended with exit status 5"),
        ("segfault", "ended by signal SIGSEGV"),
        ("kill", "ended by signal SIGKILL"),
        ("close_descriptors", "ended with exit status 1"),
    ],
)
def test_a_worker_that_dies_fails_its_request_and_comes_back(
    server: ServerProcess, do: str, how: str
) -> None:
    status, error = refusal(infer_json(server, "crashing", asking(do)))
    assert status == 500
    assert "the worker process of model 'crashing' version 1 ended while it ran this request" in error
    assert infer_json(server, "crashing", GOOD)[0] == 200
    server.wait_for_log(f"of instance 'crashing_0' {how}")


def test_a_child_that_outlives_its_worker_does_not_hide_the_end(server: ServerProcess) -> None:
    began = time.monotonic()
    assert refusal(infer_json(server, "forking", asking("crash_and_leave_a_child")))[0] == 500
    assert infer_json(server, "forking", GOOD)[0] == 200
    assert time.monotonic() - began < 10


def test_requests_that_wait_are_kept_while_a_worker_is_started_again(server: ServerProcess) -> None:
    with ThreadPoolExecutor(8) as pool:
        wishes = [asking("exit"), *[GOOD] * 40]
        answers = list(pool.map(lambda wish: infer_json(server, "exiting", wish)[0], wishes))
    assert answers.count(500) == 1
    assert answers.count(200) == 40


def test_a_worker_killed_while_it_is_idle_is_missed_by_nobody(server: ServerProcess) -> None:
    before = worker_of(server, "killed")
    before.kill()
    server.wait_for_log("instance 'killed_0' runs again")
    assert infer_json(server, "killed", GOOD)[0] == 200
    assert worker_of(server, "killed").pid != before.pid


def test_a_server_that_is_killed_leaves_no_worker_behind(tmp_path: Path) -> None:
    write_naughty(tmp_path, "naughty")
    write_naughty(tmp_path, "other")
    with ServerProcess(tmp_path, tolerates=r".", status=-signal.SIGKILL) as server:
        workers = [worker_of(server, name) for name in ("naughty", "other")]
        infer_json(server, "other", asking("change_signals"))
        with Channel(server) as channel:
            call = channel.start(wish("hang", "other"))
            wait_until((tmp_path / "other" / "hanging").exists, "the model to hang")
            assert not call.done()
        psutil.Process(server.pid).kill()
    for worker in workers:
        wait_until(_gone(worker), "the worker to end", 20)


def test_a_worker_comes_back_when_descriptors_have_run_out_meanwhile(tmp_path: Path) -> None:
    write_naughty(tmp_path, "naughty")
    with ServerProcess(tmp_path, tolerates=r".") as server:
        process = psutil.Process(server.pid)
        before = worker_of(server, "naughty")
        limits = process.rlimit(psutil.RLIMIT_NOFILE)
        process.rlimit(psutil.RLIMIT_NOFILE, (process.num_fds() - 1, limits[1]))
        before.kill()
        server.wait_for_log("instance 'naughty_0' could not be started again")
        process.rlimit(psutil.RLIMIT_NOFILE, limits)
        server.wait_for_log("instance 'naughty_0' runs again")
        assert infer_json(server, "naughty", GOOD)[0] == 200


def test_an_instance_that_cannot_be_started_again_makes_its_model_unavailable(tmp_path: Path) -> None:
    write_identity(tmp_path, "simple", "FP32", 4, batch=8)
    write_python(tmp_path, "shortlived", "shortlived")
    marker = tmp_path / "shortlived" / "lived"
    with ServerProcess(tmp_path, tolerates=r".") as server:
        assert marker.exists()
        assert refusal(infer_json(server, "shortlived", GOOD))[0] == 500
        waiting = refusal(infer_json(server, "shortlived", GOOD))
        assert waiting[0] in (404, 503)
        # All the waits between its eight starts take 25 seconds alone.
        server.wait_for_log("model 'shortlived' version 1 is no longer served", timeout=100)
        assert infer_json(server, "simple", {"inputs": [tensor()]})[0] == 200
        index = server.request("POST", "/v2/repository/index")[1]
        assert b"could not be started again in 8 attempts" in index


def _gone(process: psutil.Process) -> Callable[[], bool]:
    return lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
