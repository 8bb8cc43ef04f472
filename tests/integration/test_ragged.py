"""Requests of different extents in one batch, and what models are told of it."""

from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from repositories.models import read_template
from support.calls import wait_until_pending
from support.clients import Client
from support.folders import describe, write_model
from support.ragged import make_ragged, write_configuration
from support.server import ServerProcess

TIMEOUT_SECONDS = 30.0
WARMUP = """
model_warmup {
  name: "three"
  batch_size: 3
  inputs { key: "IN" value { data_type: TYPE_FP32 dims: [2, 2] zero_data: true } }
}
"""
RAGGED_INPUT = 'input { name: "INPUT0" data_type: TYPE_FP32 dims: [-1] allow_ragged_batch: true }'
TOGETHER = "dynamic_batching { preferred_batch_size: [3] max_queue_delay_microseconds: 60000000 }"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    repository = tmp_path_factory.mktemp("ragged")
    write_model(repository, "ragged", write_configuration(WARMUP), {"model.onnx": make_ragged()})
    for backend, files in {"identity": {}, "python": {"model.py": read_template("identity")}}.items():
        config = describe(backend, inputs=(), more=f"{RAGGED_INPUT}\n{TOGETHER}")
        write_model(repository, f"ragged_{backend}", config, files)
    with ServerProcess(repository) as process:
        yield process


def send(client: Client, model: str, name: str, array: NDArray[Any]) -> Future[Any]:
    """Send a request that nobody waits for yet."""
    done: Future[Any] = Future()

    def finish(result: Any, error: Any) -> None:
        if error is None:
            done.set_result(result)
        else:
            done.set_exception(error)

    client.async_infer(model, client.inputs({name: array}), finish)
    return done


def test_a_model_is_told_of_its_batch_in_every_way_there_is(server: ServerProcess, grpc: Client) -> None:
    arrays = [
        np.arange(count, dtype=np.float32).reshape(shape)
        for count, shape in ((6, (1, 2, 3)), (8, (2, 1, 4)), (0, (1, 5, 0)))
    ]
    calls = []
    for waiting, array in enumerate(arrays):
        wait_until_pending(server, "ragged", waiting)  # so that they stand in the batch as they stand here
        calls.append(send(grpc, "ragged", "IN", array))
    answers = [call.result(TIMEOUT_SECONDS) for call in calls]
    for answer, array in zip(answers, arrays, strict=True):
        np.testing.assert_array_equal(answer.as_numpy("OUT").reshape(array.shape), array + array)
    told = {name: answers[0].as_numpy(f"TOLD_{name}")[0].tolist() for name in TOLD}
    assert told == TOLD


TOLD = {
    "COUNTS": [6, 8, 0],
    "ENDS": [6, 14, 14],
    "BOUNDS": [0, 6, 14, 14],
    "LONGEST": [8],
    "SHAPES": [2, 3, 1, 4, 1, 4, 5, 0],
    "FLAT": [2, 3, 1, 4, 1, 4, 5, 0],
}


@pytest.mark.parametrize("model", ["ragged_identity", "ragged_python"])
def test_a_backend_that_takes_requests_by_themselves_keeps_their_shapes(grpc: Client, model: str) -> None:
    arrays = [np.full((1, length), length, np.float32) for length in (1, 4, 2)]
    calls = [send(grpc, model, "INPUT0", array) for array in arrays]
    for call, array in zip(calls, arrays, strict=True):
        np.testing.assert_array_equal(call.result(TIMEOUT_SECONDS).as_numpy("OUTPUT0"), array)
    statistics = grpc.describe("get_inference_statistics", model)["model_stats"][0]
    assert int(statistics["execution_count"]) == 1
