"""The example of an ensemble, run as its text says."""

import subprocess
import sys
from pathlib import Path

from support.server import ServerProcess

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def test_the_example_counts_words_and_letters() -> None:
    with ServerProcess(EXAMPLES / "ensemble") as server:
        command = [sys.executable, EXAMPLES / "measure_text.py", "--server", server.http, "Hello, world: 42!"]
        finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (finished.returncode, finished.stdout) == (0, "words: 2\nletters: 10\nwords alone: 2\n")
