"""Repositories as namespaces: models of one name in two of them, by the real clients."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from repositories.models import read_template
from support.clients import KINDS, Client
from support.ensembles import describe_chain
from support.folders import describe, write_model
from support.server import ServerProcess, wait_until

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
ROW = {"INPUT0": np.ones((1, 4), np.float32)}
TWICE = "'same' is the name of 2 models, in the repositories"
SUCCESS = re.compile(r'nv_inference_request_success\{model="(\w+)",namespace="([^"]+)",version="1"\} (\d+)')


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    one, two = tmp_path / "one", tmp_path / "two"
    for place in (one, two):
        write_model(place, "same", describe("identity"))
        write_model(place, f"of_{place.name}", describe_chain("same"))
    write_model(two, "only", describe("identity"))
    write_model(one, "across", describe_chain("only"))
    return one, two


@pytest.fixture
def server(places: tuple[Path, Path]) -> Iterator[ServerProcess]:
    flags = ("--model-namespacing=true", "--model-control-mode=explicit", "--load-model=*")
    with ServerProcess(*places, *flags, tolerates="cannot be loaded|failed to load") as running:
        yield running


@pytest.fixture(params=KINDS)
def client(request: pytest.FixtureRequest, server: ServerProcess) -> Iterator[Client]:
    with Client(request.param, server) as connected:
        yield connected


def refuse(client: Client, method: str, *arguments: Any) -> str:
    with pytest.raises(InferenceServerException) as caught:
        getattr(client, method)(*arguments)
    assert str(caught.value.status()) in {"400", "StatusCode.INVALID_ARGUMENT"}
    return str(caught.value.message())


def count(server: ServerProcess) -> dict[tuple[str, str], int]:
    """How often each model was asked, by name and repository."""
    _, body = server.get("/metrics", door="metrics")
    return {
        (name, Path(namespace).name): int(asked)
        for name, namespace, asked in SUCCESS.findall(body.decode())
        if asked != "0"
    }


def list_states(client: Client) -> list[tuple[str, str]]:
    index = client.describe("get_model_repository_index")
    entries = index if client.is_http else index.get("models", [])
    return sorted((entry["name"], entry.get("state", "")) for entry in entries)


def test_an_ensemble_reaches_the_model_of_its_own_repository(server: ServerProcess, client: Client) -> None:
    for name in ("of_one", "of_two", "of_two", "across"):
        np.testing.assert_array_equal(client.send(name, ROW)["OUTPUT0"], ROW["INPUT0"])
    assert count(server) == {
        ("same", "one"): 1,
        ("same", "two"): 2,
        ("only", "two"): 1,
        ("of_one", "one"): 1,
        ("of_two", "two"): 2,
        ("across", "one"): 1,
    }
    configuration = client.describe("get_model_config", "across")
    step = configuration.get("config", configuration)["ensemble_scheduling"]["step"][0]
    assert Path(step["model_namespace"]).name == "two"


def test_a_name_of_two_models_is_refused_by_everything_that_asks_for_one(client: Client) -> None:
    assert TWICE in refuse(client, "infer", "same", client.inputs(ROW))
    assert TWICE in refuse(client, "get_model_metadata", "same")
    assert TWICE in refuse(client, "get_model_config", "same")
    assert TWICE in refuse(client, "get_inference_statistics", "same")
    assert not client.is_model_ready("same")
    statistics = client.describe("get_inference_statistics")["model_stats"]
    assert [one["name"] for one in statistics].count("same") == 2
    assert list_states(client).count(("same", "READY")) == 2


def test_loads_and_unloads_are_about_all_models_of_a_name(client: Client, places: tuple[Path, Path]) -> None:
    client.unload_model("same")
    assert not client.is_model_ready("of_two"), "it cannot work without"
    assert client.is_model_ready("across")
    client.load_model("same")
    wait_until(lambda: client.is_model_ready("of_two"), "the ensemble to come back")
    assert client.send("of_two", ROW)["OUTPUT0"].shape == (1, 4)
    assert TWICE in refuse(client, "infer", "same", client.inputs(ROW))
    (places[0] / "same" / "config.pbtxt").write_text("max_batch_siz: 8\n")
    with pytest.raises(InferenceServerException, match="max_batch_siz"):
        client.load_model("same")
    assert client.send("of_one", ROW)["OUTPUT0"].shape == (1, 4), "what was loaded goes on"


def test_a_model_that_calls_another_by_name_is_refused_where_it_is_that_of_two(
    places: tuple[Path, Path],
) -> None:
    write_model(places[0], "asking", describe("python"), {"model.py": read_template("asking")})
    with ServerProcess(*places, "--model-namespacing=true") as running, Client("http", running) as client:
        assert client.send("asking", ROW, parameters={"model": "only"})["OUTPUT0"].shape == (1, 4)
        with pytest.raises(InferenceServerException, match=TWICE):
            client.send("asking", ROW, parameters={"model": "same"})


def test_a_model_that_comes_to_lie_in_a_second_repository_takes_the_name_from_the_first(
    tmp_path: Path,
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    write_model(one, "m", describe("identity"))
    two.mkdir()
    flags = ("--model-namespacing=true", "--model-control-mode=poll", "--repository-poll-secs=1")
    with ServerProcess(one, two, *flags) as running, Client("http", running) as client:
        assert client.send("m", ROW)["OUTPUT0"].shape == (1, 4)
        # At once, so that no poll finds half of it.
        write_model(tmp_path / "coming", "m", describe("identity")).rename(two / "m")
        running.wait_for_log(f"model '{two}/m' is ready")
        with pytest.raises(InferenceServerException, match="'m' is the name of 2 models"):
            client.send("m", ROW)


def test_the_example_greets_in_both_languages() -> None:
    repositories = [EXAMPLES / "namespaces" / language for language in ("english", "german")]
    with ServerProcess(*repositories, "--model-namespacing=true") as running:
        command = [sys.executable, EXAMPLES / "greet_twice.py", "--server", running.http]
        finished = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert finished.returncode == 0, finished.stderr
    first, second, third = finished.stdout.splitlines()
    assert (first, second) == ("greet_english: Hello, Ada", "greet_german: Hallo, Ada")
    assert third.startswith("words: 'words' is the name of 2 models")
