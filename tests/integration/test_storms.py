"""Many clients that change their minds: nothing is lost, nothing stays behind."""

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from repositories.models import read_template
from repositories.onnx_models import make_sum_and_difference
from support.clients import Client
from support.exposition import scrape
from support.folders import describe, write_model
from support.server import ServerProcess, wait_until

COUNT = 400
BATCHING = "dynamic_batching { max_queue_delay_microseconds: 500 } instance_group { count: 2 kind: KIND_CPU }"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server of its own, which has to end with a clean log and nothing left."""
    model = {"model.py": read_template("plain")}
    write_model(tmp_path, "workers", describe("python", more=BATCHING), model)
    delayed = describe("identity", parameters={"execute_delay_ms": "1"}, more=BATCHING)
    write_model(tmp_path, "threads", delayed)
    write_model(tmp_path, "onnx", files={"model.onnx": make_sum_and_difference()})
    with ServerProcess(tmp_path) as process:
        yield process
    assert "requests left: 0" in process.log


def row(number: int) -> dict[str, Any]:
    return {"INPUT0": np.full((1 + number % 3, 4), number, np.float32)}


@pytest.mark.parametrize("kind", ["http.aio", "grpc.aio"])
@pytest.mark.parametrize("model", ["workers", "threads"])
def test_requests_that_are_taken_back_leave_the_others_alone(
    server: ServerProcess, kind: str, model: str
) -> None:
    chance = random.Random(COUNT)  # noqa: S311  the same storm each time

    async def ask(client: Client, number: int) -> str:
        call = asyncio.ensure_future(client.inner.infer(model, client.inputs(row(number))))
        if chance.random() < 0.5:
            await asyncio.wait([call], timeout=chance.random() * 0.05)
            call.cancel()
        try:
            result = await call
        except (asyncio.CancelledError, InferenceServerException):
            return "taken back"
        received = result.as_numpy("OUTPUT0")
        assert np.array_equal(received, row(number)["INPUT0"])
        return "answered"

    with Client(kind, server) as client:

        async def ask_all() -> list[str]:
            return await asyncio.gather(*(ask(client, number) for number in range(COUNT)))

        ends = client.call(ask_all)
        assert ends.count("answered") >= COUNT // 3
        assert client.send(model, row(7))["OUTPUT0"][0, 0] == 7
    wait_until(
        lambda: scrape(server).value("nv_inference_pending_request_count", model=model) == 0,
        "the queue to be empty",
    )
    found = scrape(server)
    good = found.value("nv_inference_request_success", model=model)
    bad = found.value("nv_inference_request_failure", model=model)
    # Some are taken back before they have left the client.
    assert ends.count("answered") + 1 <= good <= good + bad <= COUNT + 1


def test_mixed_sizes_come_back_whole_from_worker_processes(server: ServerProcess) -> None:
    sizes = [1, 1 << 20, 3, 1 << 16, 5 << 20, 100]

    async def ask(client: Client, number: int) -> None:
        array = np.full((1, sizes[number % len(sizes)]), number, np.float32)
        result = await client.inner.infer("workers", client.inputs({"INPUT0": array}))
        assert np.array_equal(result.as_numpy("OUTPUT0"), array)

    for kind in ("http.aio", "grpc.aio"):
        with Client(kind, server) as client:

            async def ask_all(client: Client = client) -> None:
                await asyncio.gather(*(ask(client, number) for number in range(24)))

            client.call(ask_all)


def test_batches_of_a_completed_onnx_model_are_taken_apart_rightly(server: ServerProcess) -> None:
    async def ask(client: Client, number: int) -> None:
        first = row(number)["INPUT0"]
        result = await client.inner.infer("onnx", client.inputs({"INPUT0": first, "INPUT1": 2 * first}))
        assert np.array_equal(result.as_numpy("OUTPUT0"), 3 * first)
        assert np.array_equal(result.as_numpy("OUTPUT1"), -first)

    for kind in ("http.aio", "grpc.aio"):
        with Client(kind, server) as client:

            async def ask_all(client: Client = client) -> None:
                await asyncio.gather(*(ask(client, number) for number in range(COUNT)))

            client.call(ask_all)
            (found,) = client.describe("get_inference_statistics", "onnx")["model_stats"]
    assert int(found["execution_count"]) < int(found["inference_stats"]["success"]["count"])
