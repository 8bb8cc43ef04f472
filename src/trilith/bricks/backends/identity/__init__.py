"""Gives each input back as its output; for tests and measurements.

Parameters of a model, by Triton's names:

- ``execute_delay_ms``: wait so long in each execution
- ``instance_wise_delay_multiplier``: instance *n* of the model waits this many times *n* as long
- ``creation_delay_sec``: wait so long while loading
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trilith.bricks.backends.identity.pairs import Pair, pair_tensors
from trilith.contract import (
    Batch,
    LoadError,
    ModelConfiguration,
    ModelContext,
    ModelSource,
    Placement,
    TensorSpec,
)

__all__ = ["IdentityBackend"]


class IdentityBackend:
    """Loads models that give back what they get."""

    def complete(self, source: ModelSource, document: dict[str, Any]) -> dict[str, Any]:
        """Leave the document as it is: there is no model file to complete it from."""
        del source
        return document

    def load(self, context: ModelContext) -> "IdentityModel":
        """Pair inputs with outputs and read the delays."""
        configuration = context.configuration
        pairs = pair_tensors(configuration)
        delays = Delays.read(configuration)
        time.sleep(delays.creation_seconds)
        return IdentityModel(context, pairs, delays)


@dataclass(frozen=True)
class Delays:
    """The waits that a model asks for."""

    execution_seconds: float = 0.0
    multiplier: float = 0.0
    creation_seconds: float = 0.0

    @classmethod
    def read(cls, configuration: ModelConfiguration) -> "Delays":
        """Read them from the model's parameters.

        Raises:
            LoadError: a value is not a number, or less than nothing.
        """
        return cls(
            _read_number(configuration, "execute_delay_ms") / 1000,
            _read_number(configuration, "instance_wise_delay_multiplier"),
            _read_number(configuration, "creation_delay_sec"),
        )

    def of_instance(self, index: int) -> float:
        """Return the seconds that the instance of that index waits in each execution."""
        return self.execution_seconds * max(self.multiplier * index, 1.0)


def _read_number(configuration: ModelConfiguration, key: str) -> float:
    text = configuration.parameters.get(key, "0")
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise LoadError(
            f"model '{configuration.name}': parameter '{key}' is '{text}', expected a number of 0 or more"
        )
    return number


class IdentityModel:
    """A model that gives back what it gets."""

    def __init__(self, context: ModelContext, pairs: Sequence[Pair], delays: Delays) -> None:
        """Keep what its instances need."""
        self._pairs = pairs
        self._delays = delays
        self._max_batch_size = context.configuration.max_batch_size
        self._names = [placement.name for placement in context.placements]

    def create_instance(self, placement: Placement) -> "IdentityInstance":
        """Make an instance; its delay follows from its place among the others."""
        index = self._names.index(placement.name) if placement.name in self._names else 0
        return IdentityInstance(self._pairs, self._delays.of_instance(index), self._max_batch_size)

    def close(self) -> None:
        """Nothing is held."""


class IdentityInstance:
    """Hands the arrays of the inputs on as outputs, without copying them."""

    def __init__(self, pairs: Sequence[Pair], delay_seconds: float, max_batch_size: int) -> None:
        """Keep the pairs and the wait."""
        self._names = [(source.name, target.name) for source, target in pairs]
        self._optional = [(source, target.name) for source, target in pairs if source.optional]
        self._is_ragged = any(source.ragged for source, _ in pairs)
        self._delay_seconds = delay_seconds
        self._max_batch_size = max_batch_size

    def execute(self, batch: Batch) -> Mapping[str, NDArray[Any]] | None:
        """Answer each output with the array of its input; with zeros where an optional one was not sent."""
        inputs = batch.inputs  # first: they mark the beginning of the execution that the delay is part of
        if self._delay_seconds:
            time.sleep(self._delay_seconds)
        if not self._is_ragged:
            return self._give_back(inputs, batch.size)
        for request in batch.requests:  # each has extents of its own
            inputs = request.inputs
            size = next((array.shape[0] for array in inputs.values() if array.shape), 1)
            request.respond(self._give_back(inputs, size))
        return None

    def _give_back(self, inputs: Mapping[str, NDArray[Any]], size: int) -> Mapping[str, NDArray[Any]]:
        outputs = {target: inputs[source] for source, target in self._names if source in inputs}
        for source, target in self._optional:
            if source.name not in inputs:
                outputs[target] = self._make_zeros(source, size)
        return outputs

    def _make_zeros(self, tensor: TensorSpec, batch_size: int) -> NDArray[Any]:
        dims = tensor.dims if tensor.reshape is None else tensor.reshape
        shape = tuple(1 if extent < 0 else extent for extent in dims)
        if self._max_batch_size > 0:
            shape = (batch_size, *shape)
        datatype = tensor.datatype.numpy
        return np.full(shape, b"", datatype) if datatype.hasobject else np.zeros(shape, datatype)

    def close(self) -> None:
        """Nothing is held."""
