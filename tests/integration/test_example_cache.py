"""The example of the response cache, run as its text says."""

import re
import subprocess
import sys
from pathlib import Path

from support.server import ServerProcess

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run(server: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, EXAMPLES / "ask_twice.py", "--server", server, "7", "7", "3"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_example_says_which_answers_were_kept() -> None:
    with ServerProcess(EXAMPLES / "cached", "--cache-config=local,size=1048576") as server:
        finished = run(server.http)
    assert finished.returncode == 0, finished.stderr
    lines = [re.sub(r"[\d.]+ ms", "_ ms", line) for line in finished.stdout.splitlines()]
    squares = ["7 squared is 49; _ ms", "7 squared is 49; _ ms", "3 squared is 9; _ ms"]
    assert lines == [*squares, "1 from the cache, 2 from the model"]


def test_without_a_server_the_way_to_start_one_is_said() -> None:
    # Port 9 is the discard service, which nothing offers any more.
    finished = run("127.0.0.1:9")
    assert finished.returncode == 1
    assert "trilith serve examples/cached --cache-config=local" in finished.stderr
