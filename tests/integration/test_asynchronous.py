"""Many requests at once, and callers that do not wait."""

import asyncio
import queue
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from support.clients import Client
from support.server import ServerProcess

COUNT = 300


def row(number: int) -> dict[str, Any]:
    return {"INPUT0": np.full((1, 4), number, np.float32)}


def test_hundreds_of_coroutines_each_get_their_own_answer(server: ServerProcess) -> None:
    for kind in ("http.aio", "grpc.aio"):
        with Client(kind, server) as client:

            async def ask(number: int, client: Client = client) -> float:
                result = await client.inner.infer("identity_fp32", client.inputs(row(number)))
                return float(result.as_numpy("OUTPUT0")[0, 0])

            async def ask_all() -> list[float]:
                return await asyncio.gather(*(ask(number) for number in range(COUNT)))

            assert client.call(ask_all) == list(range(COUNT))


def test_http_futures_each_get_their_own_answer(server: ServerProcess) -> None:
    with Client("http", server, concurrency=16) as client:
        few = range(32)  # this client waits 10 ms before it goes on to the next
        futures = [client.async_infer("identity_fp32", client.inputs(row(number))) for number in few]
        received = [future.get_result().as_numpy("OUTPUT0")[0, 0] for future in futures]
    assert received == list(few)


def test_grpc_callbacks_each_get_their_own_answer(grpc: Client) -> None:
    arrived: queue.Queue[tuple[Any, Any]] = queue.Queue()
    for number in range(COUNT):
        grpc.async_infer(
            "identity_fp32",
            grpc.inputs(row(number)),
            callback=lambda result, error: arrived.put((result, error)),
            request_id=str(number),
        )
    received = {}
    for _ in range(COUNT):
        result, error = arrived.get(timeout=20)
        assert error is None
        received[result.get_response().id] = result.as_numpy("OUTPUT0")[0, 0]
    assert received == {str(number): number for number in range(COUNT)}


def test_threads_with_clients_of_their_own_do_not_mix_up_answers(server: ServerProcess) -> None:
    def work(kind: str, first: int) -> None:
        with Client(kind, server) as client:
            for number in range(first, first + 50):
                for model in ("identity_fp32", "add_sub"):
                    arrays = row(number)
                    if model == "add_sub":
                        arrays["INPUT1"] = arrays["INPUT0"]
                    (output, *_) = client.send(model, arrays).values()
                    assert output[0, 0] == (number if model == "identity_fp32" else 2 * number)

    with ThreadPoolExecutor(8) as pool:
        kinds = ("http", "grpc", "http.aio", "grpc.aio") * 2
        for done in [pool.submit(work, kind, 1000 * place) for place, kind in enumerate(kinds)]:
            done.result(60)
