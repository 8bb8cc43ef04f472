"""What the right answer is, and the checks that it is given: before, during and after a load."""

import threading
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from benchmarks import client, regions
from benchmarks.errors import BenchmarkError, WrongAnswerError
from benchmarks.load import Tolerance
from benchmarks.models import Model, example_input
from benchmarks.networks import mlp
from benchmarks.scenarios import Protocol
from benchmarks.servers import Server

# Probabilities whose last bits move with the batch that a request falls into.
NETWORK_TOLERANCE = 1e-3
# Often enough to see a load go wrong, seldom enough not to be a load itself.
WATCH_SECONDS = 0.05


def tolerance(model: Model) -> Tolerance:
    """How exact a model's replies are: to the byte, but for the real network."""
    if model.name != "magika":
        return Tolerance()
    return Tolerance(NETWORK_TOLERANCE, tail_bytes=4 * int(np.prod(model.output.dims)))


@cache
def truth(model: Model, magika: Path) -> NDArray[np.generic]:
    """Compute what the model gives for the example request, computed without any server."""
    data = example_input(model)
    if model.responses > 1:
        values = data.astype(np.float32)
        return np.stack([values + np.float32(number) for number in range(model.responses)])
    if model.name == "magika":
        import onnxruntime  # noqa: PLC0415 - slow to import, and seldom wanted

        session = onnxruntime.InferenceSession(magika, providers=["CPUExecutionProvider"])
        return np.asarray(session.run(None, {model.input.name: data})[0])
    return mlp(data) if model.backend == "onnxruntime" else data


def compare(model: Model, given: NDArray[np.generic], right: NDArray[np.generic]) -> None:
    """Raise WrongAnswerError if an output differs from the truth by more than the model's tolerance."""
    if given.shape != right.shape or given.dtype != right.dtype:
        raise WrongAnswerError(
            f"Model {model.name}, output {model.output.name}: expected {right.dtype}{list(right.shape)}, "
            f"got {given.dtype}{list(given.shape)}."
        )
    if not np.allclose(given, right, rtol=0, atol=tolerance(model).value):
        index = int(np.argmax(given.ravel() != right.ravel()))
        raise WrongAnswerError(
            f"Model {model.name}, output {model.output.name}: element {index} should be "
            f"{right.ravel()[index]}, got {given.ravel()[index]}."
        )


def check(server: Server, model: Model, protocol: Protocol, magika: Path) -> bytes:
    """Ask once through the real client and once with the exact bytes of the load.

    Returns:
        The second reply as it came: what every reply of the load must be.

    """
    right = truth(model, magika)
    if model.shared:
        regions.register(server, model)
    compare(model, client.infer(server, model, protocol), right)
    with client.exchange(server, model, protocol) as exchange:
        body, tensor = exchange.ask()
    compare(model, tensor, right)
    return body


class Watch:
    """Asks now and then while a load runs, reading status and output of each reply.

    For gRPC, whose load generator does not read the trailers. The few requests count as served.
    """

    def __init__(self, server: Server, model: Model, magika: Path) -> None:
        """Prepare; the asking begins with the `with` block."""
        self.asked = 0
        self._right = truth(model, magika)
        self._stop = threading.Event()
        self._failure: BenchmarkError | None = None
        self._thread = threading.Thread(target=self._run, args=(server, model), daemon=True)

    def __enter__(self) -> Self:
        """Begin to ask."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop asking; raise what went wrong, unless the load itself has raised."""
        self._stop.set()
        self._thread.join()
        if self._failure is not None and kind is None:
            raise self._failure

    def _run(self, server: Server, model: Model) -> None:
        try:
            with client.exchange(server, model, Protocol.GRPC) as exchange:
                while not self._stop.wait(WATCH_SECONDS):
                    _, tensor = exchange.ask()
                    compare(model, tensor, self._right)
                    self.asked += 1
        except BenchmarkError as error:
            self._failure = error
