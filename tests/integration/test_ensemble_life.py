"""Ensembles come and go with the models that they are made of."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from support.clients import Client
from support.ensembles import describe_chain, describe_ensemble, step, write_model
from support.folders import describe
from support.server import ServerProcess, wait_until

ROW = {"INPUT0": np.ones((1, 4), np.float32)}
TOLERATED = "cannot be loaded|failed to load|load failed"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name in ("one", "two"):
        write_model(tmp_path, name, describe("identity"))
    write_model(tmp_path, "chain", describe_chain("one", "two"))
    write_model(tmp_path, "outer", describe_chain("chain"))
    return tmp_path


@pytest.fixture
def client(repository: Path) -> Iterator[Client]:
    flags = ("--model-control-mode=explicit", "--exit-on-error=false")
    with (
        ServerProcess(repository, *flags, tolerates=TOLERATED) as running,
        Client("http", running) as connected,
    ):
        yield connected


def read_index(client: Client) -> dict[str, tuple[str, str]]:
    return {
        entry["name"]: (entry.get("state", ""), entry.get("reason", ""))
        for entry in client.get_model_repository_index()
    }


def wait_for_state(client: Client, name: str, state: str) -> str:
    """Wait until a model is in a state; the reason that the index gives."""
    wait_until(lambda: read_index(client)[name][0] == state, f"'{name}' to be {state}")
    return read_index(client)[name][1]


def refused(client: Client, name: str) -> str:
    with pytest.raises(InferenceServerException) as caught:
        client.load_model(name)
    return str(caught.value.message())


def test_loading_an_ensemble_loads_what_it_needs(client: Client) -> None:
    client.load_model("outer")
    assert {name for name, (state, _) in read_index(client).items() if state == "READY"} == {
        "outer",
        "chain",
        "one",
        "two",
    }
    np.testing.assert_array_equal(client.send("outer", ROW)["OUTPUT0"], ROW["INPUT0"])


def test_an_ensemble_goes_with_a_model_that_it_needs(client: Client) -> None:
    client.load_model("outer")
    client.unload_model("two")
    for name in ("outer", "chain", "two"):
        assert wait_for_state(client, name, "UNAVAILABLE") == "unloaded"
    assert read_index(client)["one"][0] == "READY"


def test_unloading_dependents_takes_along_what_was_loaded_for_the_ensemble(client: Client) -> None:
    client.load_model("one")
    client.load_model("outer")
    client.unload_model("outer", unload_dependents=True)
    for name in ("outer", "chain", "two"):
        wait_for_state(client, name, "UNAVAILABLE")
    assert read_index(client)["one"][0] == "READY"


def test_a_model_that_was_loaded_again_is_used_by_the_next_request(client: Client, repository: Path) -> None:
    client.load_model("chain")
    write_model(repository, "two", describe("identity", parameters={"changed": "yes"}))
    client.load_model("two")
    np.testing.assert_array_equal(client.send("chain", ROW)["OUTPUT0"], ROW["INPUT0"])
    assert read_index(client)["chain"] == ("READY", "")


def test_an_ensemble_that_does_not_fit_its_models_any_more_says_why(client: Client, repository: Path) -> None:
    client.load_model("outer")
    other = [("INPUT0", "INT32", [-1])], [("OUTPUT0", "INT32", [-1])]
    write_model(repository, "two", describe("identity", *other))
    client.load_model("two")
    reason = wait_for_state(client, "chain", "UNAVAILABLE")
    assert "tensor 'between1' is FP32 for model 'one' ('OUTPUT0'), INT32 for model 'two'" in reason
    write_model(repository, "two", describe("identity"))
    client.load_model("two")
    wait_for_state(client, "chain", "READY")
    np.testing.assert_array_equal(client.send("chain", ROW)["OUTPUT0"], ROW["INPUT0"])


def test_a_model_that_cannot_be_loaded_is_named_as_the_reason(client: Client, repository: Path) -> None:
    write_model(repository, "two", 'backend: "identity"\nmax_batch_siz: 3\n')
    message = refused(client, "chain")
    assert "ensemble_scheduling.step[1].model_name: model 'two' is not served" in message
    assert "max_batch_siz" in message
    write_model(repository, "two", describe("identity"))
    client.load_model("two")
    wait_for_state(client, "chain", "READY")


def test_ensembles_in_a_circle_are_told_of_it(client: Client, repository: Path) -> None:
    write_model(repository, "left", describe_chain("right"))
    write_model(repository, "right", describe_chain("left"))
    assert "the ensembles need each other in a circle: left -> right -> left" in refused(client, "left")


def test_a_version_that_is_not_served_is_named(client: Client, repository: Path) -> None:
    steps = [step("one", {"INPUT0": "INPUT0"}, {"OUTPUT0": "OUTPUT0"}, version=3)]
    write_model(repository, "third", describe_ensemble(steps))
    assert "version 3 of model 'one' is not served; served: 1" in refused(client, "third")
