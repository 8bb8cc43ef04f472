"""The examples about traces and the log, as they stand, against the server that they ask for."""

import subprocess
import sys
from pathlib import Path

from support.server import ServerProcess
from support.traces import ask, write_traced_models

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run(name: str, *arguments: str | Path) -> list[str]:
    command = [sys.executable, EXAMPLES / name, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def test_a_trace_file_is_summed_up_and_the_log_is_changed_for_a_while(tmp_path: Path) -> None:
    models, file = write_traced_models(tmp_path / "models"), tmp_path / "trace.json"
    flags = (f"--trace-config=triton,file={file}", "--trace-config=level=TIMESTAMPS", "--trace-config=rate=1")
    with ServerProcess(models, *flags) as server:
        for _ in range(3):
            ask(server, "http")
        told = run("change_the_log.py", "--server", server.http, "--seconds", "0")
    assert told == ["verbose level 1 in format ISO8601", "verbose level 0 in format default"]
    summary = run("trace_summary.py", file)
    assert summary[0] == "doubling: 3 traced"
    assert [line.split()[0] for line in summary[1:]] == ["queue", "inputs", "model", "outputs", "in"]
