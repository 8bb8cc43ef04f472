"""The example that places its tensors in shared memory, as it stands, against the server that it asks for."""

import subprocess
import sys
from pathlib import Path

import pytest

from support.folders import write_model
from support.server import ServerProcess

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run(server: ServerProcess) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, EXAMPLES / "share_tensors.py", "--server", server.http]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("allowed", [True, False])
def test_the_example_shows_what_it_says_or_what_to_do(tmp_path: Path, *, allowed: bool) -> None:
    model = EXAMPLES / "repository" / "add_sub"
    files = {"model.py": (model / "1" / "model.py").read_text()}
    write_model(tmp_path, "add_sub", (model / "config.pbtxt").read_text(), files)
    with ServerProcess(tmp_path, *(["--allow-client-shm=true"] if allowed else [])) as server:
        done = run(server)
    if not allowed:
        assert done.returncode == 1
        assert "--allow-client-shm=true" in done.stderr
        return
    assert done.stdout.splitlines() == [
        "INPUT0 1.0 2.0 3.0 4.0",
        "INPUT1 10.0 20.0 30.0 40.0",
        "OUTPUT0 11.0 22.0 33.0 44.0",
        "OUTPUT1 -9.0 -18.0 -27.0 -36.0",
    ]
