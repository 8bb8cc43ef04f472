"""A repository of models that answer piece by piece and ask each other, and the stream that reads them."""

import queue
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import tritonclient.grpc as grpcclient

from repositories.models import read_template
from support.server import ServerProcess

WAIT_SECONDS = 30.0

_MODEL = """
backend: "python"
{extra}
parameters {{ key: "isolation" value {{ string_value: "{isolation}" }} }}
input [ {{ name: "COUNT" data_type: TYPE_INT32 dims: [ 1 ] }} ]
output [ {{ name: "OUT" data_type: TYPE_INT32 dims: [ 1 ] }} ]
"""
_DECOUPLED = "model_transaction_policy { decoupled: true }"
_TWICE = "instance_group [ { count: 2 kind: KIND_CPU } ]"

MODELS = {
    "streaming": ("streaming", _DECOUPLED),
    "sending": ("sending", ""),
    "calling": ("calling", ""),
    "calling_back": ("calling", ""),
    "calling_twice": ("calling", _TWICE),
}
"""Name of each model, the file it is made of, and what else its configuration says."""


def write_models(repository: Path, isolation: str) -> None:
    """Write all of them."""
    for name, (template, extra) in MODELS.items():
        folder = repository / name / "1"
        folder.mkdir(parents=True)
        configuration = _MODEL.format(extra=extra, isolation=isolation)
        (repository / name / "config.pbtxt").write_text(configuration)
        (folder / "model.py").write_text(read_template(template))


class Stream:
    """One call of ``ModelStreamInfer``."""

    def __init__(self, server: ServerProcess) -> None:
        """Connect."""
        self.client = grpcclient.InferenceServerClient(server.grpc)
        self._arrived: queue.SimpleQueue[tuple[Any, Any]] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        self.client.start_stream(lambda result, error: self._arrived.put((result, error)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.stop_stream(cancel_requests=True)
        self.client.close()

    def ask(
        self, count: int, mode: str = "count", *, empty_final: bool = True, model: str = "streaming"
    ) -> None:
        """Send a request."""
        parameters = {"mode": mode}
        self.client.async_stream_infer(
            model, numbers(count), parameters=parameters, enable_empty_final_response=empty_final
        )

    def next(self) -> tuple[int | None, bool, dict[str, str]]:
        """Wait for a response: its number if it has one, whether it is the last, and its texts.

        Raises:
            InferenceServerException: it is an error.
        """
        result, error = self._arrived.get(timeout=WAIT_SECONDS)
        if error is not None:
            raise error
        response = result.get_response()
        array = result.as_numpy("OUT")
        texts = {name: value.string_param for name, value in response.parameters.items()}
        final = response.parameters["triton_final_response"].bool_param
        return None if array is None else int(array[0]), final, texts

    def all(self) -> Iterator[tuple[int | None, bool]]:
        """Responses up to the last one."""
        final = False
        while not final:
            number, final, _ = self.next()
            yield number, final


def numbers(count: int) -> list[Any]:
    """Return the inputs of a request."""
    tensor = grpcclient.InferInput("COUNT", [1], "INT32")
    tensor.set_data_from_numpy(np.array([count], np.int32))
    return [tensor]
