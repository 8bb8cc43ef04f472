"""Ensembles whose answers are kept, and the answers of their steps."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from repositories.models import read_template
from support.clients import KINDS, Client
from support.ensembles import describe_ensemble, step
from support.exposition import scrape
from support.folders import describe, write_model
from support.server import ServerProcess

CACHED = "response_cache { enable: true }\n"
NUMBERED = [("OUTPUT0", "FP32", [-1]), ("RUN", "INT32", [1])]
CHANGE = {"parameters": {"any": {"string_value": "other"}}}
INPUT, OUTPUTS = {"INPUT0": "INPUT0"}, {"OUTPUT0": "OUTPUT0", "RUN": "RUN"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    repository = tmp_path_factory.mktemp("kept")
    files = {"model.py": read_template("numbering")}
    write_model(repository, "numbering", describe("python", outputs=NUMBERED), files)
    write_model(repository, "remembered", describe("python", outputs=NUMBERED, more=CACHED), files)
    write_model(repository, "identity", describe("identity"))
    for name, model, more in (("kept", "numbering", CACHED), ("of_kept", "remembered", "")):
        steps = [
            step("identity", INPUT, {"OUTPUT0": "between"}),
            step(model, {"INPUT0": "between"}, OUTPUTS),
        ]
        write_model(repository, name, describe_ensemble(steps, outputs=NUMBERED) + more)
    flags = ("--cache-config=local,size=65536", "--model-control-mode=explicit", "--load-model=*")
    with ServerProcess(repository, *flags) as running:
        yield running


def ask(client: Client, model: str, *values: float, **named: Any) -> int:
    """Ask an ensemble; the number of the run that made the answer."""
    array = np.array([values], np.float32)
    answer = client.send(model, {"INPUT0": array}, **named)
    assert np.array_equal(answer["OUTPUT0"], array)
    return int(answer["RUN"][0, 0])


def count(server: ServerProcess, name: str, model: str) -> float:
    """Return a count of one model from the metrics."""
    return scrape(server).value(name, model=model)


@pytest.mark.parametrize("model", ["kept", "of_kept"])
def test_the_same_question_is_answered_by_the_same_run(client: Client, model: str) -> None:
    own = float(KINDS.index(client.kind))
    first = ask(client, model, own, 1.0)
    assert ask(client, model, own, 1.0, request_id="another") == first
    assert ask(client, model, own, 2.0) > first


def test_hits_and_misses_of_an_ensemble_are_counted(server: ServerProcess) -> None:
    names = ("nv_cache_num_hits_per_model", "nv_cache_num_misses_per_model", "nv_inference_count")
    before = [count(server, name, "kept") for name in names]
    steps = count(server, "nv_inference_count", "identity")
    with Client("http", server) as client:
        for _ in range(3):
            ask(client, "kept", 7.0)
    assert [count(server, name, "kept") - old for name, old in zip(names, before, strict=True)] == [2, 1, 1]
    assert count(server, "nv_inference_count", "identity") == steps + 1


def test_a_hit_of_a_step_spares_that_step_alone(server: ServerProcess) -> None:
    before = [count(server, "nv_inference_count", name) for name in ("identity", "remembered")]
    with Client("grpc", server) as client:
        first = ask(client, "of_kept", 8.0)
        assert ask(client, "of_kept", 8.0) == first
    after = [count(server, "nv_inference_count", name) for name in ("identity", "remembered")]
    assert [new - old for new, old in zip(after, before, strict=True)] == [2, 1]


def test_a_step_that_is_loaded_again_ends_what_was_kept(server: ServerProcess) -> None:
    with Client("http", server) as client:
        ask(client, "kept", 9.0)
        misses = count(server, "nv_cache_num_misses_per_model", "kept")
        config = client.describe("get_model_config", "numbering")
        client.load_model("numbering", config=json.dumps({**config, **CHANGE}))
        ask(client, "kept", 9.0)
    assert count(server, "nv_cache_num_misses_per_model", "kept") == misses + 1
