"""The examples of rate limits, of giving up and of iterative sequences, run as their texts say."""

import subprocess
import sys
from pathlib import Path

import pytest

from support.server import ServerProcess

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run(script: str, server: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, EXAMPLES / script, "--server", server, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_models_that_share_a_resource_take_turns() -> None:
    with ServerProcess(EXAMPLES / "rate_limited", "--rate-limit=execution_count") as server:
        finished = run("take_turns.py", server.http, "--seconds=0.2")
    assert finished.returncode == 0, finished.stderr
    lines = finished.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["summarize", "translate", "they"]
    assert lines[-1] == "they took turns"


def test_a_model_stops_where_its_client_has_given_up() -> None:
    with ServerProcess(EXAMPLES / "withdrawn", tolerates=r"cancel") as server:
        finished = run("give_up.py", server.http, "--patience=0.5")
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.splitlines() == [
        "no answer within 0.5 s: given up",
        "the model says of the job before: it was given up",
    ]


def test_a_model_hands_its_requests_back_until_they_are_done() -> None:
    with ServerProcess(EXAMPLES / "in_steps") as server:
        finished = run("follow_steps.py", server.http, "6")
    assert (finished.returncode, finished.stdout) == (0, "6 3 10 5 16 8 4 2 1\n"), finished.stderr


@pytest.mark.parametrize(
    ("script", "start"),
    [
        ("take_turns.py", "trilith serve examples/rate_limited --rate-limit=execution_count"),
        ("give_up.py", "trilith serve examples/withdrawn"),
        ("follow_steps.py", "trilith serve examples/in_steps"),
    ],
)
def test_without_a_server_the_way_to_start_one_is_said(script: str, start: str) -> None:
    # Port 9 is the discard service, which nothing offers any more.
    finished = run(script, "127.0.0.1:9")
    assert finished.returncode == 1
    assert f"start one with '{start}'" in finished.stderr
