"""Instances that share resources, across models and in worker processes."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from repositories.models import read_template
from support.clients import Client
from support.exposition import scrape
from support.folders import describe, write_model
from support.gate import Gate
from support.server import ServerProcess, run_to_end, wait_until

ROW = {"INPUT0": np.ones((1, 4), np.float32)}
LIMITER = 'instance_group {{ count: 1 rate_limiter {{ resources {{ name: "R" global: true count: {} }} }} }}'


def write_limited(repository: Path, name: str, gate: Gate, count: int) -> None:
    config = describe("python", parameters=gate.parameters, more=LIMITER.format(count))
    write_model(repository, name, config, {"model.py": read_template("gated")})


def test_an_instance_waits_for_what_another_models_instance_holds(tmp_path: Path) -> None:
    gates = {name: Gate(tmp_path / f"gate-{name}") for name in ("first", "second")}
    repository = tmp_path / "models"
    for name, gate in gates.items():
        write_limited(repository, name, gate, 1)
    with (
        ServerProcess(repository, "--rate-limit=execution_count") as server,
        Client("http", server) as client,
        Client("http", server) as other,
        ThreadPoolExecutor(2) as pool,
    ):
        holding = pool.submit(client.send, "first", ROW, request_id="a")
        assert gates["first"].next_arrival() == ["a"]
        waiting = pool.submit(other.send, "second", ROW, request_id="b")
        wait_until(
            lambda: scrape(server).value("nv_inference_pending_request_count", model="second") == 1,
            "the request to wait for the resource",
        )
        gates["second"].let_through()
        gates["first"].let_through()
        assert np.array_equal(holding.result()["OUTPUT0"], ROW["INPUT0"])
        assert gates["second"].next_arrival() == ["b"]
        assert np.array_equal(waiting.result()["OUTPUT0"], ROW["INPUT0"])
    for gate in gates.values():
        gate.close()


def test_an_instance_that_would_never_run_is_refused(tmp_path: Path) -> None:
    gate = Gate(tmp_path / "gate")
    write_limited(tmp_path / "models", "greedy", gate, 2)
    flags = ("--rate-limit=execution_count", "--rate-limit-resource=R:1")
    status, log = run_to_end(tmp_path / "models", *flags)
    gate.close()
    assert status == 1
    assert "an instance of model 'greedy' asks for 2 of resource 'R', and there are 1" in log
    assert "start with --rate-limit-resource=R:2" in log
