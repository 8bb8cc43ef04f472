"""One worker process, from its start to its end."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.unit.runtime.conftest import ROOT, WORKER_COMMAND, WORKER_SCRIPT

from trilith.contract import LoadError, ModelSource
from trilith.runtime.logs import LogOptions
from trilith.runtime.workers import Worker, WorkerOrder

ECHO = "tests.doubles.backends:Echo"


def order(tmp_path: Path, entry: str = ECHO, command: Any = WORKER_COMMAND) -> WorkerOrder:
    return WorkerOrder(ModelSource("a", 1, tmp_path, tmp_path / "1"), entry, LogOptions(), command)


def test_a_worker_completes_a_document(tmp_path: Path) -> None:
    worker = Worker(order(tmp_path), {"name": "a"})
    document = worker.completed()
    worker.kill()
    assert document["name"] == "a"
    assert document["max_batch_size"] == 8


def test_a_worker_whose_backend_cannot_be_made_says_why(tmp_path: Path) -> None:
    worker = Worker(order(tmp_path, "tests.doubles.nowhere:Gone"), {})
    with pytest.raises(LoadError, match=r"No module named 'tests\.doubles\.nowhere'"):
        worker.completed()


def test_a_command_that_cannot_be_started_is_a_load_error(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="no worker process can be started"):
        Worker(order(tmp_path, command=["/nowhere/python"]))


def test_something_that_is_no_message_is_a_load_error(tmp_path: Path) -> None:
    script = "import os, sys; os.write(int(sys.argv[1]), b'hello world')"
    worker = Worker(order(tmp_path, command=[sys.executable, "-c", script]), {})
    with pytest.raises(LoadError, match="said something that is no message"):
        worker.completed()


@pytest.mark.parametrize(
    ("script", "described"),
    [
        ("import os; os._exit(3)", "ended with exit status 3"),
        ("import os; os.abort()", "ended by signal SIGABRT (native code"),
        (f"import os; os.kill(os.getpid(), {signal.SIGUSR1})", "ended by signal SIGUSR1"),
    ],
)
def test_how_a_worker_ended_is_described(tmp_path: Path, script: str, described: str) -> None:
    worker = Worker(order(tmp_path, command=[sys.executable, "-c", script]))
    assert worker.end(20.0)
    assert worker.describe_end().startswith(described)


def test_a_worker_that_does_not_end_is_killed(tmp_path: Path) -> None:
    worker = Worker(order(tmp_path))
    assert not worker.end(0.0)
    assert worker.describe_end() == "was ended by the server"


def test_the_list_of_processes_names_the_model_of_a_worker(tmp_path: Path) -> None:
    worker = Worker(order(tmp_path), {})
    worker.completed()
    words = Path(f"/proc/{worker.pid}/cmdline").read_text().split("\0")
    worker.kill()
    assert "a/1" in words


def test_a_worker_imports_what_lies_where_the_server_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lies_beside.py").write_text("from tests.doubles.backends import Echo\n")
    monkeypatch.chdir(tmp_path)
    worker = Worker(order(tmp_path, "lies_beside:Echo"), {})
    document = worker.completed()
    worker.kill()
    assert document["max_batch_size"] == 8


def test_a_worker_leaves_signals_of_its_group_to_the_server(tmp_path: Path) -> None:
    worker = Worker(order(tmp_path), {})
    worker.completed()
    worker._process.send_signal(signal.SIGINT)
    worker._process.send_signal(signal.SIGTERM)
    worker._channel.close()
    assert worker.end(20.0)
    assert worker.describe_end() == "ended with exit status 0"


SERVER_THAT_DIES = """
import os, sys
sys.path[:0] = [{root!r}, {root!r} + "/src"]
from pathlib import Path
from trilith.contract import ModelSource
from trilith.runtime.logs import LogOptions
from trilith.runtime.workers import Worker, WorkerOrder
command = [sys.executable, "-c", {script!r}]
source = ModelSource("a", 1, Path("/"), Path("/"))
worker = Worker(WorkerOrder(source, {entry!r}, LogOptions(), command), {{}})
worker.completed()
print(worker.pid, flush=True)
os._exit(0)
"""

HANGING = """
class Hanging:
    def complete(self, source, document):
        import threading
        threading.Timer(0.0, threading.Event().wait).start()
        return document
"""


@pytest.mark.parametrize("hangs", [False, True])
def test_a_worker_ends_when_its_server_dies(tmp_path: Path, *, hangs: bool) -> None:
    (tmp_path / "hanging_of_tests.py").write_text(HANGING)
    script = WORKER_SCRIPT.replace(
        "from trilith.runtime.worker import main",
        f"sys.path.append({str(tmp_path)!r})\nfrom trilith.runtime import worker\n"
        "worker.ORPHAN_GRACE_SECONDS = 0.0\nmain = worker.main",
    )
    entry = "hanging_of_tests:Hanging" if hangs else ECHO
    server = SERVER_THAT_DIES.format(root=str(ROOT), script=script, entry=entry)
    # The worker inherits standard output: reading to its end means that both are gone.
    done = subprocess.run([sys.executable, "-c", server], stdout=subprocess.PIPE, timeout=30, check=True)
    assert int(done.stdout) > 0
