"""Decoupled models whose execute is a coroutine: what it does after its first await counts."""

import json
from collections.abc import Iterator

import pytest

from support.folders import describe, write_model
from support.server import ServerProcess

HEAD = """
import asyncio
import numpy as np
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    runs = 0

    async def execute(self, requests):
        senders = [request.get_response_sender() for request in requests]
        await asyncio.sleep(0)
        for request, sender in zip(requests, senders):
"""
MODELS = {
    "again": """
            self.runs += 1
            if self.runs < 3:
                request.set_release_flags(pb_utils.TRITONSERVER_REQUEST_RELEASE_RESCHEDULE)
                continue
            runs = pb_utils.Tensor("RUNS", np.array([[self.runs]], np.int32))
            sender.send(
                pb_utils.InferenceResponse([runs]), flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL
            )
""",
    "raising": "            raise ValueError('too late for an exception')\n",
    "returning": "            return [pb_utils.InferenceResponse([])]\n",
}
DECOUPLED = "model_transaction_policy { decoupled: true }\n"
ITERATIVE = "sequence_batching { iterative_sequence: true }\n"


@pytest.fixture(scope="module")
def server(isolation: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    repository = tmp_path_factory.mktemp("coroutines")
    for name, body in MODELS.items():
        config = describe(
            "python",
            [("IN", "INT32", [1])],
            [("RUNS", "INT32", [1])],
            parameters={"isolation": isolation},
            more=DECOUPLED + ITERATIVE * (name == "again"),
        )
        write_model(repository, name, config, {"model.py": HEAD + body})
    with ServerProcess(repository, tolerates=r"execute\(\) raised") as process:
        yield process


def ask(server: ServerProcess, model: str) -> dict[str, object]:
    status, body = server.request("POST", f"/v2/models/{model}/generate", b'{"IN": 1}')
    answer: dict[str, object] = json.loads(body)
    assert status in (200, 500), answer
    return answer


def test_a_request_may_be_handed_back_after_the_first_await(server: ServerProcess) -> None:
    assert ask(server, "again")["RUNS"] == 3


def test_an_exception_after_the_first_await_is_answered(server: ServerProcess) -> None:
    assert "too late for an exception" in str(ask(server, "raising")["error"])


def test_a_return_value_after_the_first_await_is_refused(server: ServerProcess) -> None:
    assert "returned 1 responses, expected None" in str(ask(server, "returning")["error"])
