"""The real ``perf_analyzer`` against the running server, where it can be had."""

import subprocess
from pathlib import Path

import pytest
from benchmarks.peers import Peers, locate

from support.server import ServerProcess

ROOT = Path(__file__).parents[2]


@pytest.fixture
def peers() -> Peers:
    found = locate(ROOT)
    if not Path(found.perf_analyzer_command()[0]).exists():
        pytest.skip("perf_analyzer is not here; `make bench` sets it up, TRILITH_PEERS says where it is")
    return found


@pytest.mark.parametrize("protocol", ["http", "grpc"])
@pytest.mark.parametrize("mode", [[], ["--async"], ["--shape", "INPUT1:4", "--input-data", "zero"]])
def test_perf_analyzer_measures_a_model(
    server: ServerProcess, peers: Peers, protocol: str, mode: list[str]
) -> None:
    model = "add_sub" if "--shape" in mode else "identity_fp32"
    finished = subprocess.run(
        [
            *peers.perf_analyzer_command(),
            *("-m", model, "-u", server.http if protocol == "http" else server.grpc, "-i", protocol),
            *("--shape", "INPUT0:4", "--concurrency-range", "2", "-b", "2", "-s", "999", "-r", "3"),
            *("--measurement-mode", "count_windows", "--measurement-request-count", "50", *mode),
        ],
        env=peers.perf_analyzer_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "Throughput" in finished.stdout
    assert "Failed" not in finished.stdout
