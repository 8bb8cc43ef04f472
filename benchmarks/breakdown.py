"""Where a request's latency goes, as the real `perf_analyzer` tells it.

It costs more CPU per request than a server should, so its throughput is no ceiling; but it reads
the server's own statistics over its window, and it is a client that people have.
"""

import csv
import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.errors import BenchmarkError
from benchmarks.models import Model
from benchmarks.scenarios import Protocol
from benchmarks.servers import Command, Server

# Column of its CSV -> figure, all in microseconds but the first.
COLUMNS = {
    "Inferences/Second": "throughput",
    "p50 latency": "p50_us",
    "p99 latency": "p99_us",
    "Network+Server Send/Recv": "network_us",
    "Server Queue": "queue_us",
    "Server Compute Input": "input_us",
    "Server Compute Infer": "infer_us",
    "Server Compute Output": "output_us",
}
# Three windows of a second must agree within this share, in percent, or it measures on and on.
STABILITY_PERCENT = 50
LIMIT_SECONDS = 120.0


def measure(
    command: Command, server: Server, model: Model, kind: tuple[Protocol, int]
) -> Mapping[str, float]:
    """Run perf_analyzer against a model over a protocol, with so many clients, and read its CSV."""
    protocol, clients = kind
    over_grpc = protocol is Protocol.GRPC
    port = server.grpc_port if over_grpc else server.http_port
    with tempfile.TemporaryDirectory(prefix="breakdown-") as directory:
        page = Path(directory) / "page.csv"
        words = [*command.words, "-m", model.name, "-u", f"{server.host}:{port}"]
        words += ["-i", "grpc" if over_grpc else "http", "--concurrency-range", str(clients)]
        words += ["--measurement-interval", "1000", "--stability-percentage", str(STABILITY_PERCENT)]
        words += ["-f", str(page)]
        try:
            done = subprocess.run(
                words,
                env=os.environ | command.environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=LIMIT_SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            raise BenchmarkError(f"perf_analyzer did not end within {LIMIT_SECONDS:.0f} s.") from error
        if done.returncode or not page.exists():
            raise BenchmarkError(
                f"perf_analyzer failed on model {model.name}:\n{(done.stdout + done.stderr)[-1000:]}"
            )
        return parse(page.read_text())


def parse(text: str) -> Mapping[str, float]:
    """Read the first row of perf_analyzer's CSV."""
    rows = list(csv.DictReader(text.splitlines()))
    if not rows or any(column not in rows[0] for column in COLUMNS):
        raise BenchmarkError(
            f"perf_analyzer wrote a page without the columns that are wanted:\n{text[:1000]}"
        )
    return {figure: float(rows[0][column]) for column, figure in COLUMNS.items()}
