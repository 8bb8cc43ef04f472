"""One server for all tests that do not end it, and the check after each that it goes on serving."""

from collections.abc import Iterator

import pytest

from integration.robustness.asking import Channel, infer_json, tensor
from integration.robustness.repository import write_repository
from support.server import ServerProcess

LIMIT = 1 << 20
"""Bytes of a body or a message that the shared server takes."""

FLAGS = (
    "--exit-on-error=false",
    "--strict-readiness=false",
    f"--http-max-input-size={LIMIT}",
    f"--grpc-max-message-size={LIMIT}",
    "--client-timeout-secs=1",
)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    repository = write_repository(tmp_path_factory.mktemp("robustness"))
    with ServerProcess(repository, *FLAGS, tolerates=r".") as process:
        yield process


@pytest.fixture
def server(shared: ServerProcess) -> Iterator[ServerProcess]:
    """The shared server; when the test has ended, it must serve a good request."""
    yield shared
    assert_serves(shared)


@pytest.fixture
def channel(server: ServerProcess) -> Iterator[Channel]:
    with Channel(server) as opened:
        yield opened


def assert_serves(server: ServerProcess) -> None:
    status, answer = infer_json(server, "simple", {"inputs": [tensor()]})
    assert status == 200, answer
    assert answer["outputs"][0]["data"] == [1, 2, 3, 4]
