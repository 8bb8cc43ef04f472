"""The example of lists of different lengths, run as its text says."""

import shutil
import subprocess
import sys
from pathlib import Path

from support.server import ServerProcess

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run(script: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, EXAMPLES / script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_lists_of_different_lengths_are_added_up_at_once(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES / "ragged" / "list_sums", tmp_path / "list_sums")
    made = run("ragged/make_model.py", tmp_path / "list_sums")
    assert made.returncode == 0, made.stderr
    with ServerProcess(tmp_path) as server:
        for _ in range(3):
            finished = run("sum_lists.py", "--server", server.http, "1,2,3", "10,20", "5")
            assert (finished.returncode, finished.stdout) == (0, "6.0\n30.0\n5.0\n"), finished.stderr
