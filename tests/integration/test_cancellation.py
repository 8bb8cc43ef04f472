"""A client that gives up is told to the model that works for it, whichever way it came and left."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.leaving import ROADS, SECONDS, over_http, pending, write_patient
from support.server import ServerProcess, wait_until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    repository = tmp_path_factory.mktemp("models")
    write_patient(repository)
    with ServerProcess(repository, tolerates=r"cancel") as process:
        yield process


@pytest.mark.parametrize("road", ROADS)
def test_a_model_at_work_learns_that_its_client_has_gone(
    road: str, server: ServerProcess, tmp_path: Path
) -> None:
    leave = ROADS[road](server, "patient", tmp_path)
    wait_until((tmp_path / "began").exists, "the model to begin", SECONDS)
    leave()
    wait_until((tmp_path / "cancelled").exists, "the model to learn of it", SECONDS)


@pytest.mark.parametrize("road", ["http", "grpc", "stream", "cut"])
def test_a_request_that_waits_for_an_instance_never_reaches_it(
    road: str, server: ServerProcess, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    end_first = over_http(server, "patient", first)
    wait_until((first / "began").exists, "the model to begin", SECONDS)
    leave = ROADS[road](server, "patient", second)
    wait_until(lambda: pending(server) == 1, "the second request to wait", SECONDS)
    leave()
    wait_until(lambda: pending(server) == 0, "the second request to leave", SECONDS)
    end_first()
    wait_until((first / "cancelled").exists, "the model to learn of it", SECONDS)
    assert list(second.iterdir()) == []
