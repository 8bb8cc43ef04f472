"""The example of streaming and of models that ask each other, run as its text says."""

import subprocess
import sys
from pathlib import Path

from support.server import ServerProcess

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def test_the_example_prints_each_word_and_their_number() -> None:
    with ServerProcess(EXAMPLES / "streaming") as server:
        command = [sys.executable, EXAMPLES / "stream_words.py", "--server", server.http, "one two three"]
        finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (finished.returncode, finished.stdout) == (0, "one\ntwo\nthree\n3 words\n"), finished.stderr
