"""A server over the everyday models, and the clients that talk to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.clients import KINDS, Client
from support.everyday import write_everyday_models
from support.server import ServerProcess


@pytest.fixture(scope="session")
def everyday_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    repository = tmp_path_factory.mktemp("everyday")
    write_everyday_models(repository)
    return repository


@pytest.fixture(scope="session")
def server(everyday_repository: Path) -> Iterator[ServerProcess]:
    """A server that the tests of the whole session share; when it ends, its log has to be clean."""
    with ServerProcess(everyday_repository, tolerates=r"model 'failing': execute\(\) raised") as process:
        yield process


@pytest.fixture(params=KINDS)
def client(request: pytest.FixtureRequest, server: ServerProcess) -> Iterator[Client]:
    with Client(request.param, server) as connected:
        yield connected


@pytest.fixture
def http(server: ServerProcess) -> Iterator[Client]:
    with Client("http", server) as connected:
        yield connected


@pytest.fixture
def grpc(server: ServerProcess) -> Iterator[Client]:
    with Client("grpc", server) as connected:
        yield connected
