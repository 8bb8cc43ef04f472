"""Requests with many responses: over a gRPC stream, each response compared, in the order they come."""

import queue
from collections.abc import Iterable

import numpy as np
import tritonclient.grpc
from numpy.typing import NDArray
from tritonclient.grpc import service_pb2
from tritonclient.utils import InferenceServerException

from benchmarks import requests
from benchmarks.errors import WrongAnswerError
from benchmarks.models import Model, example_input
from benchmarks.servers import Server

STREAM_METHOD = "/inference.GRPCInferenceService/ModelStreamInfer"

Answer = tuple[tritonclient.grpc.InferResult | None, InferenceServerException | None]


def infer(server: Server, model: Model, timeout: float) -> NDArray[np.generic]:
    """Ask once through tritonclient and stack the outputs of all responses until the stream ends."""
    data = example_input(model)
    answers: queue.Queue[Answer] = queue.Queue()
    with tritonclient.grpc.InferenceServerClient(f"{server.host}:{server.grpc_port}") as client:
        tensor = tritonclient.grpc.InferInput(model.input.name, list(data.shape), model.input.datatype)
        tensor.set_data_from_numpy(data)
        client.start_stream(lambda result, error: answers.put((result, error)), stream_timeout=timeout)
        client.async_stream_infer(model.name, [tensor])
        client.stop_stream()  # waits until the server has ended it: all that will come has come
    return _stack(model, [answers.get_nowait() for _ in range(answers.qsize())])


def decode(replies: Iterable[bytes], model: Model) -> tuple[bytes, NDArray[np.generic]]:
    """Read the messages of a stream as they came.

    Returns:
        All of them, framed, as one body; and their outputs, stacked.

    """
    body, answers = bytearray(), []
    for reply in replies:
        body += requests.grpc_frame(reply)
        message = service_pb2.ModelStreamInferResponse.FromString(reply)
        if message.error_message:
            answers.append((None, InferenceServerException(message.error_message)))
        else:
            answers.append((tritonclient.grpc.InferResult(message.infer_response), None))
    return bytes(body), _stack(model, answers)


def _stack(model: Model, answers: list[Answer]) -> NDArray[np.generic]:
    outputs: list[NDArray[np.generic]] = []
    for result, error in answers:
        output = result.as_numpy(model.output.name) if result is not None else None
        if output is None:
            raise WrongAnswerError(
                f"Model {model.name}: response {len(outputs) + 1} of {model.responses} holds no output "
                f"{model.output.name}; it says: {error}"
            )
        outputs.append(output)
    if len(outputs) != model.responses:
        raise WrongAnswerError(
            f"Model {model.name}: {len(outputs)} responses came where {model.responses} were expected."
        )
    return np.stack(outputs)
