"""One server for all tests that do not end it, and the check after each that it goes on serving."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.robustness.repository import write_repository
from integration.robustness.serving import Server, serving

GOOD = {"inputs": [{"name": "IN", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 4]}]}

LIMIT = 1 << 20
"""Bytes of a body or a message that the shared server takes."""


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    repository: Path = write_repository(tmp_path_factory.mktemp("repository"))
    flags = (
        "--exit-on-error=false",
        "--strict-readiness=false",
        f"--http-max-input-size={LIMIT}",
        f"--grpc-max-message-size={LIMIT}",
        "--exit-timeout-secs=2",
    )
    with serving(repository, *flags) as server:
        yield server


@pytest.fixture
def server(shared: Server) -> Iterator[Server]:
    """The shared server, which must be alive and serve a good request when the test has ended."""
    yield shared
    assert shared.process.poll() is None, shared.log()
    status, answer = shared.infer("simple", GOOD)
    assert status == 200, answer
    assert answer["outputs"][0]["data"] == [1, 2, 3, 4]
