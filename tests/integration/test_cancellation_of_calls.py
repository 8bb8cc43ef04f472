"""A client that gives up is told to the models that were asked for its sake, too."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from repositories.models import read_template
from support.folders import describe, write_model
from support.leaving import ROADS, SECONDS, SIGNATURE, over_grpc, over_http, pending, write_patient
from support.server import ServerProcess, wait_until

CANCELLED = "7"
PAIR = "dynamic_batching { preferred_batch_size: [2] max_queue_delay_microseconds: 60000000 }"
DECOUPLED = "model_transaction_policy { decoupled: true }"


@pytest.fixture(scope="module")
def server(isolation: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    repository = tmp_path_factory.mktemp("relaying")
    write_patient(repository)
    write_model(repository, "quick", describe("identity"))
    files = {"model.py": read_template("relaying")}
    for name, more in (("waiting", ""), ("awaiting", PAIR), ("letting", DECOUPLED), ("tidying", "")):
        config = describe("python", *SIGNATURE, parameters={"isolation": isolation}, more=more)
        write_model(repository, name, config, files)
    with ServerProcess(repository, tolerates=r"cancel") as process:
        yield process


def make_folder(folder: Path) -> Path:
    """Make the folder of a request and that of the request inside; the latter."""
    (folder / "inner").mkdir(parents=True)
    return folder / "inner"


@pytest.mark.parametrize("road", ROADS)
def test_a_model_that_another_one_asks_learns_that_the_client_has_gone(
    road: str, server: ServerProcess, tmp_path: Path
) -> None:
    inner = make_folder(tmp_path)
    leave = ROADS[road](server, "waiting", tmp_path)
    wait_until((inner / "began").exists, "the inner model to begin", SECONDS)
    leave()
    wait_until((inner / "cancelled").exists, "the inner model to learn of it", SECONDS)
    wait_until((tmp_path / "answer").exists, "the outer model to go on", SECONDS)


def test_a_decoupled_model_s_threads_ask_for_the_sake_of_what_is_open(
    server: ServerProcess, tmp_path: Path
) -> None:
    inner = make_folder(tmp_path)
    leave = ROADS["stream"](server, "letting", tmp_path)
    wait_until((inner / "began").exists, "the inner model to begin", SECONDS)
    leave()
    wait_until((inner / "cancelled").exists, "the inner model to learn of it", SECONDS)


def test_a_request_inside_that_waits_for_an_instance_leaves_its_queue(
    server: ServerProcess, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    inner = make_folder(second)
    end_first = over_http(server, "patient", first)
    wait_until((first / "began").exists, "the instance to be busy", SECONDS)
    leave = over_grpc(server, "waiting", second)
    wait_until(lambda: pending(server) == 1, "the request inside to wait", SECONDS)
    leave()
    wait_until((second / "answer").exists, "the outer model to be told", SECONDS)
    assert (second / "answer").read_text() == CANCELLED
    assert not (first / "cancelled").exists(), "it did not have to wait for the instance"
    end_first()
    wait_until((first / "cancelled").exists, "the instance to be free", SECONDS)
    assert list(inner.iterdir()) == []


def test_a_request_for_several_clients_goes_on_until_the_last_one_has_gone(
    server: ServerProcess, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    inner = make_folder(first)
    second.mkdir()
    leave_first = over_grpc(server, "awaiting", first)
    wait_until(lambda: pending(server, "awaiting") == 1, "the first client to come", SECONDS)
    leave_second = over_grpc(server, "awaiting", second)
    wait_until((inner / "began").exists, "the inner model to begin", SECONDS)
    leave_first()
    wait_until((first / "left").exists, "the outer model to learn of it", SECONDS)
    beats = read_beats(inner)
    wait_until(lambda: read_beats(inner) > beats + 20, "the inner model to go on", SECONDS)
    assert not (inner / "cancelled").exists()
    leave_second()
    wait_until((inner / "cancelled").exists, "the inner model to learn of it", SECONDS)


def read_beats(folder: Path) -> int:
    """Return how often the model has looked whether its client is still there."""
    return int((folder / "beats").read_text() or 0)


def test_a_model_whose_client_has_gone_may_still_ask_others_to_tidy_up(
    server: ServerProcess, tmp_path: Path
) -> None:
    leave = over_grpc(server, "tidying", tmp_path)
    wait_until((tmp_path / "began").exists, "the model to begin", SECONDS)
    leave()
    wait_until((tmp_path / "answer").exists, "the other model to answer", SECONDS)
    assert (tmp_path / "answer").read_text() == "0"
