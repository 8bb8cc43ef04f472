"""Runs what a configuration's ``model_warmup`` asks for, on one instance, before it takes requests.

Samples go through the same execution as requests: an instance in a worker process is warmed up there, and
again whenever the process is started again.
"""

import logging
import math
import struct
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from trilith.contract import DataType, Instance, LoadError, ModelConfiguration, ModelContext, ModelError
from trilith.contract.batch import Parameter
from trilith.runtime.instances import execute

log = logging.getLogger(__name__)

FOLDER: Final = "warmup"
"""In a model's folder: where the data files of samples lie."""

Tensors = Mapping[str, NDArray[Any]]


def warm_up(instance: Instance, context: ModelContext, name: str) -> None:
    """Run every sample of the configuration as often as it says.

    Raises:
        LoadError: a sample cannot be made, or the model failed it.
    """
    configuration = context.configuration
    for sample in configuration.document.get("model_warmup", ()):
        if not sample["batch_size"]:
            log.info(
                "instance '%s': warmup sample '%s' has batch size 0 and is skipped", name, sample["name"]
            )
            continue
        rows = [_make_inputs(sample, context) for _ in range(sample["batch_size"])]
        for _ in range(max(1, sample["count"])):
            for batch in _batches(rows, context):
                execute(instance, batch, name)
                batch.wait()
                if batch.failure:
                    message = f"failed to run warmup sample '{sample['name']}' on instance '{name}'"
                    raise LoadError(f"{message}: {batch.failure}")


def _batches(rows: Sequence[Tensors], context: ModelContext) -> Iterator["WarmupBatch"]:
    """Yield one batch of all rows; without a batch dimension, one for each."""
    configuration = context.configuration
    outputs = [tensor.name for tensor in configuration.outputs]
    is_batched = configuration.max_batch_size > 0
    for together in [rows] if is_batched else [[row] for row in rows]:
        batch = WarmupBatch(together, outputs, has_batch_dimension=is_batched)
        batch.inputs |= _describe_batch(together, configuration)
        for tensor in configuration.inputs:
            if tensor.ragged and tensor.name in batch.inputs:
                batch.inputs[tensor.name] = batch.inputs[tensor.name].reshape(-1)
        yield batch


def _describe_batch(rows: Sequence[Tensors], configuration: ModelConfiguration) -> dict[str, NDArray[Any]]:
    """Make the inputs that tell about a batch, where the model has any."""
    if not configuration.batch_inputs:
        return {}
    from trilith.native import make_batch_input  # noqa: PLC0415  most models need no extension to warm up

    made: dict[str, NDArray[Any]] = {}
    for entry in configuration.batch_inputs:
        shapes = [row[entry.source].shape for row in rows]
        array = make_batch_input(entry.kind, entry.datatype.value, shapes)
        made |= dict.fromkeys(entry.targets, array)
    return made


class WarmupRequest:
    """A request that nobody sent: what a model answers is only looked at for errors."""

    correlation_id: int | str = 0
    flags = 0
    priority = 0
    timeout = 0

    def __init__(self, inputs: Tensors, requested_outputs: list[str]) -> None:
        """Make a request of inputs by name, batch dimension included."""
        self.id = FOLDER
        self.inputs = dict(inputs)
        self.parameters: dict[str, Parameter] = {}
        self.requested_outputs = requested_outputs
        self.is_answered = False
        self.failure = ""
        self.ended: threading.Event | None = None

    def is_cancelled(self) -> bool:
        """Whether nobody waits for it: the load does."""
        return False

    def respond(self, outputs: Tensors, parameters: Mapping[str, Parameter] | None = None) -> None:
        """Take the answer; it goes no further."""
        del outputs, parameters
        self._answer("")

    def fail(self, message: str, code: str = "INTERNAL") -> None:
        """Take the error."""
        del code
        self._answer(message)

    def reschedule(self) -> None:
        """Take it back as if it were answered: one step is enough to warm up."""
        self._answer("")

    def open_sender(self) -> "WarmupSender":
        """Have it answered piece by piece: the warmup ends with the last of them."""
        self.ended = threading.Event()
        return WarmupSender(self)

    def _answer(self, failure: str) -> None:
        if self.is_answered:
            raise ModelError("the request was answered already")
        self.is_answered = True
        self.failure = self.failure or failure
        if self.ended:
            self.ended.set()


class WarmupSender:
    """Takes the responses of a request that nobody sent."""

    def __init__(self, request: WarmupRequest) -> None:
        """Answer this request."""
        self._request = request

    def respond(
        self, outputs: Tensors, parameters: Mapping[str, Parameter] | None = None, *, last: bool = False
    ) -> None:
        """Take a response; it goes no further."""
        if last:
            self._request.respond(outputs, parameters)

    def fail(self, message: str, code: str = "INTERNAL", *, last: bool = False) -> None:
        """Take an error."""
        self._request.failure = self._request.failure or message
        if last:
            self._request.fail(message, code)

    def finish(self) -> None:
        """Take note that nothing follows."""
        self._request.respond({})

    def is_cancelled(self) -> bool:
        """Whether nobody waits for it: the load does."""
        return False

    def __del__(self) -> None:
        """Let nobody wait for a sender that the model has let go."""
        if not self._request.is_answered:
            self._request.fail("the model let go of the response sender without the final flag")


class WarmupBatch:
    """A sample as instances are handed batches."""

    def __init__(self, rows: Sequence[Tensors], outputs: list[str], *, has_batch_dimension: bool) -> None:
        """Gather rows, one request each."""
        self.requested_outputs = outputs
        self.requests = [WarmupRequest(row, outputs) for row in rows]
        self.size = len(rows) if has_batch_dimension else 1
        self.inputs = {
            name: _protect(np.concatenate([row[name] for row in rows])) if has_batch_dimension else value
            for name, value in rows[0].items()
        }

    @property
    def failure(self) -> str:
        """What the model said against the first request that it failed; empty if it failed none."""
        return next((request.failure for request in self.requests if request.failure), "")

    def finish(self, outputs: Tensors | None) -> None:
        """Answer every request."""
        if outputs is None:
            for request in self.requests:
                if not request.is_answered and request.ended is None:
                    request.fail("the model returned without an answer to it")
            return
        for request in self.requests:
            request.respond(outputs)

    def wait(self) -> None:
        """Wait for what is answered after the batch has returned."""
        for request in self.requests:
            if request.ended:
                request.ended.wait()

    def fail(self, message: str, code: str) -> None:
        """Fail every request that is left unanswered."""
        for request in self.requests:
            if not request.is_answered:
                request.fail(message, code)


def _make_inputs(sample: Mapping[str, Any], context: ModelContext) -> dict[str, NDArray[Any]]:
    """Make the inputs of one row."""
    configuration = context.configuration
    specs = {spec.name: spec for spec in configuration.inputs}
    inputs: dict[str, NDArray[Any]] = {}
    for name, given in sample["inputs"].items():
        datatype = DataType.from_config(given["data_type"])
        spec = specs.get(name)
        shape = tuple(given["dims"])
        if spec and spec.reshape is not None and -1 not in spec.reshape:
            shape = spec.reshape
        array = _make_elements(given, datatype, math.prod(shape), context.source.directory, name)
        batch = (1,) if configuration.max_batch_size else ()
        inputs[name] = _protect(array.reshape(batch + shape))
    return inputs


def _make_elements(
    given: Mapping[str, Any], datatype: DataType, count: int, directory: Path, name: str
) -> NDArray[Any]:
    if "input_data_file" in given:
        return _read_elements(directory / FOLDER / given["input_data_file"], datatype, count, name)
    if datatype is DataType.BYTES:
        return np.full(count, b"", np.object_)
    if "zero_data" in given:
        return np.zeros(count, datatype.numpy)
    generator = np.random.default_rng()
    if datatype is DataType.BOOL:
        return generator.integers(0, 2, count).astype(np.bool_)
    return np.frombuffer(generator.bytes(count * datatype.numpy.itemsize), datatype.numpy)


def _read_elements(path: Path, datatype: DataType, count: int, name: str) -> NDArray[Any]:
    try:
        content = path.read_bytes()
    except OSError as error:
        message = f"the warmup data of input '{name}' cannot be read: {path}: {error.strerror or error}"
        raise LoadError(message) from error
    if datatype is DataType.BYTES:
        return _read_texts(content, path, count)
    expected = count * datatype.numpy.itemsize
    if len(content) < expected:
        raise LoadError(f"{path}: input '{name}' takes {expected} bytes, the file has {len(content)}")
    return np.frombuffer(content[:expected], datatype.numpy)


def _read_texts(content: bytes, path: Path, count: int) -> NDArray[Any]:
    """Read texts, each behind its length in four bytes."""
    texts = np.full(count, b"", np.object_)
    position = 0
    for index in range(count):
        if position + 4 > len(content):
            raise LoadError(f"{path}: {count} texts are expected, the file has {index}")
        (length,) = struct.unpack_from("<I", content, position)
        position += 4 + length
        if position > len(content):
            raise LoadError(f"{path}: text {index} runs past the end of the file")
        texts[index] = content[position - length : position]
    return texts


def _protect(array: NDArray[Any]) -> NDArray[Any]:
    view = np.ascontiguousarray(array) if array.ndim else array.view()
    view.flags.writeable = False
    return view
