"""A server over the everyday models, and the clients that talk to it."""

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path

import cmake
import pytest

from support.clients import KINDS, Client
from support.everyday import write_everyday_models
from support.gate import Gate
from support.server import ServerProcess

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def cmake_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have builds find the CMake that the set-up of the tests brings."""
    monkeypatch.setenv("PATH", f"{cmake.CMAKE_BIN_DIR}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def declared_bricks(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have servers find every brick that pyproject.toml declares, those of the latest change too."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text())
    points = document["project"]["entry-points"]["trilith.bricks"]
    folder = tmp_path_factory.mktemp("bricks")
    metadata = folder / "trilith_declared-0.dist-info"
    metadata.mkdir()
    lines = ["[trilith.bricks]", *(f"{name} = {entry}" for name, entry in points.items()), ""]
    (metadata / "entry_points.txt").write_text("\n".join(lines))
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)


@pytest.fixture(scope="module", params=["process", "thread"])
def isolation(request: pytest.FixtureRequest) -> str:
    """Where the instances of Python models run."""
    return str(request.param)


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    made = Gate(tmp_path_factory.mktemp("gate"))
    yield made
    made.close()


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
