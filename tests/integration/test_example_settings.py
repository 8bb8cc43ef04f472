"""The examples about traces and the log, as they stand, against the server that they ask for."""

import socket
import subprocess
import sys
from pathlib import Path

from support.folders import write_model
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


def test_a_trace_of_one_s_own_is_followed_into_the_server(tmp_path: Path) -> None:
    model = EXAMPLES / "repository" / "add_sub"
    files = {"model.py": (model / "1" / "model.py").read_text()}
    write_model(tmp_path, "add_sub", (model / "config.pbtxt").read_text(), files)
    with socket.create_server(("localhost", 0)) as held:
        port = held.getsockname()[1]
    url = f"http://localhost:{port}/v1/traces"
    flags = ("mode=opentelemetry", "level=TIMESTAMPS", "rate=0", f"opentelemetry,url={url}")
    soon = "--trace-config=opentelemetry,bsp_schedule_delay=50"
    with ServerProcess(tmp_path, *(f"--trace-config={flag}" for flag in flags), soon) as server:
        told = run("follow_a_trace.py", "--server", server.http, "--port", str(port))
    parts = [line.partition(":")[0] for line in told]
    assert sorted(parts) == ["InferRequest in this script", "add_sub in InferRequest", "compute in add_sub"]
