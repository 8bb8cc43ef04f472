"""The example with a memory, run as a user runs it."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.server import ServerProcess

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    repository = tmp_path_factory.mktemp("examples")
    shutil.copytree(EXAMPLES / "repository" / "running_sum", repository / "running_sum")
    with ServerProcess(repository) as process:
        yield process


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    script = EXAMPLES / "running_sum.py"
    return subprocess.run(
        [sys.executable, script, *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def test_the_sums_of_a_sequence_are_printed(server: ServerProcess) -> None:
    for _ in range(2):
        assert run("--server", server.http, "3", "4", "-5").stdout == "3\n7\n2\n"


def test_without_a_server_the_way_to_start_one_is_said() -> None:
    # Port 9 is the discard service, which nothing offers any more.
    finished = run("--server", "127.0.0.1:9", "1")
    assert finished.returncode == 1
    assert "start one with 'make serve'" in finished.stderr
