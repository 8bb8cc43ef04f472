"""The example of the rate limiter, run as its text says."""

import subprocess
import sys
from pathlib import Path

from support.server import ServerProcess

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FLAGS = ("--rate-limit=execution_count", "--rate-limit-resource=camera:1")


def run(server: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, EXAMPLES / "share_a_camera.py", "--server", server, "--seconds", "0.05"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_two_models_have_the_camera_one_after_the_other() -> None:
    with ServerProcess(EXAMPLES / "limited", *FLAGS) as server:
        finished = run(server.http)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout == "6 pictures by 2 models, at most 1 at a time\n"


def test_without_a_server_the_way_to_start_one_is_said() -> None:
    # Port 9 is the discard service, which nothing offers any more.
    finished = run("127.0.0.1:9")
    assert finished.returncode == 1
    assert f"trilith serve examples/limited {' '.join(FLAGS)}" in finished.stderr
