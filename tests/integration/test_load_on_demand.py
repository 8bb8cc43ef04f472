"""The example of metrics and of models that load others, run as its text says."""

import subprocess
import sys
from pathlib import Path

from support.server import ServerProcess

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def test_the_model_is_loaded_once_and_every_text_is_counted() -> None:
    flags = ("--model-control-mode=explicit", "--load-model=desk")
    with ServerProcess(EXAMPLES / "on_demand", *flags) as server:
        script = [sys.executable, EXAMPLES / "load_on_demand.py", "Ada", "Grace"]
        addresses = ["--server", server.http, "--metrics", server.metrics]
        finished = subprocess.run([*script, *addresses], capture_output=True, text=True, check=False)
    assert finished.stdout.splitlines() == [
        "Hello Ada",
        "Hello Grace",
        'desk_asked_total{model="greeter"} 2',
        'desk_loads_total{by="desk"} 1',
    ], finished.stderr
