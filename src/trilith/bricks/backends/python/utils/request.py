"""Requests as models see them: those that they answer, and those that they make."""

import asyncio
import json
from collections.abc import Awaitable, Collection, Mapping, Sequence
from typing import Any, ClassVar, NoReturn

from trilith.bricks.backends.python.utils.absent import refuse
from trilith.bricks.backends.python.utils.calls import (
    Connection,
    ResponseIterator,
    receive_one,
    receive_one_async,
)
from trilith.bricks.backends.python.utils.datatypes import BF16
from trilith.bricks.backends.python.utils.errors import TritonModelException
from trilith.bricks.backends.python.utils.facts import ModelFacts
from trilith.bricks.backends.python.utils.memory import PreferredMemory
from trilith.bricks.backends.python.utils.sender import InferenceResponseSender
from trilith.bricks.backends.python.utils.tensor import InputTensor, Tensor
from trilith.contract import Call
from trilith.contract import InferenceRequest as ServedRequest
from trilith.contract.batch import Parameter


class InferenceTrace:
    """The trace of a request."""

    def get_context(self) -> None:
        """Return nothing: tracing is not carried yet."""


class InferenceRequest:
    """A request that a model makes of another."""

    __slots__ = ("_fields", "_flags", "_inputs", "_parameters")

    _connection: ClassVar[Connection] = Connection()

    def __init__(  # noqa: PLR0913, PLR0917 - Triton's signature
        self,
        request_id: str = "",
        correlation_id: int | str = 0,
        inputs: Sequence[Tensor] | None = None,
        requested_output_names: Sequence[str] | None = None,
        model_name: str | None = None,
        model_version: int = -1,
        flags: int = 0,
        timeout: int = 0,
        preferred_memory: PreferredMemory | None = None,
        trace: InferenceTrace | None = None,
        parameters: Mapping[str, Parameter] | None = None,
    ) -> None:
        """Say what is asked of whom.

        Args:
            request_id: the caller's own name for it.
            correlation_id: the sequence it belongs to; 0 for none.
            inputs: the inputs.
            requested_output_names: outputs wanted; none for all.
            model_name: the model.
            model_version: its version; negative lets the version policy choose.
            flags: 1 for the start of a sequence, 2 for the end.
            timeout: microseconds that it may wait in the queue; 0 for the model's default.
            preferred_memory: where outputs should be; they are in host memory.
            trace: the trace it belongs to.
            parameters: values that ride along.

        Raises:
            TypeError: model, inputs or requested outputs are missing, or of another type.
        """
        if model_name is None or inputs is None or requested_output_names is None:
            raise TypeError("InferenceRequest takes model_name, inputs and requested_output_names")
        if not isinstance(correlation_id, (int, str)):
            raise TypeError("Correlation ID must be integer or string")
        for tensor in inputs:
            if not isinstance(tensor, Tensor):
                raise TypeError(
                    f"InferenceRequest(inputs): {type(tensor).__name__} in the list, expected Tensor"
                )
        del preferred_memory, trace
        self._fields: dict[str, Any] = {
            "model": model_name,
            "version": model_version if model_version >= 0 else None,
            "id": request_id,
            "correlation_id": correlation_id,
            "priority": 0,
            "timeout": timeout,
            "outputs": list(requested_output_names),
        }
        self._flags = flags
        self._inputs = list(inputs)
        self._parameters = dict(parameters or {})

    def inputs(self) -> Sequence[Tensor]:
        """Return its inputs."""
        return self._inputs

    def request_id(self) -> str:
        """Return the caller's own name for it."""
        return str(self._fields["id"])

    def correlation_id(self) -> int | str:
        """Return the sequence it belongs to; 0 for none."""
        identifier: int | str = self._fields["correlation_id"]
        return identifier

    def flags(self) -> int:
        """Return its flags: 1 for the start of a sequence, 2 for the end."""
        return self._flags

    def set_flags(self, flags: int) -> None:
        """Change its flags."""
        self._flags = flags

    def timeout(self) -> int:
        """Return the microseconds that it may wait in the queue."""
        return int(self._fields["timeout"])

    def parameters(self) -> str:
        """Return its parameters as a JSON object."""
        return _dump(self._parameters)

    def requested_output_names(self) -> Collection[str]:
        """Return the names of the outputs wanted."""
        return set(self._fields["outputs"])

    def is_cancelled(self) -> bool:
        """Return whether nobody waits for the answer any more."""
        return False

    def trace(self) -> InferenceTrace:
        """Return its trace, which is empty: tracing is not carried yet."""
        return InferenceTrace()

    def set_release_flags(self, flags: int) -> NoReturn:
        """Refuse to hand the request back to the queue."""
        del flags
        refuse("set_release_flags (handing a request back to the queue)", "answer the request")

    def get_response_sender(self) -> InferenceResponseSender:
        """Refuse: a request that the model made itself is not its to answer.

        Raises:
            TritonModelException: always.
        """
        raise TritonModelException("a request to another model has no response sender")

    def exec(self, decoupled: bool = False) -> Any:  # noqa: FBT001, FBT002 - Triton's signature
        """Send it and wait.

        Returns:
            The response, whose error says what went wrong; with ``decoupled`` an iterator over any
            number of responses.
        """
        call = self._send(takes_many=decoupled)
        return ResponseIterator(call) if decoupled else receive_one(call)

    def async_exec(self, decoupled: bool = False) -> Awaitable[Any]:  # noqa: FBT001, FBT002 - Triton's signature
        """Send it at once; what is returned can be awaited for what :meth:`exec` returns."""
        call = self._send(takes_many=decoupled)
        if not decoupled:
            return asyncio.ensure_future(receive_one_async(call))
        begun = asyncio.get_running_loop().create_future()
        begun.set_result(ResponseIterator(call))
        return begun

    def _send(self, *, takes_many: bool) -> Call:
        form = {**self._fields, "flags": self._flags, "takes_many": takes_many}
        return self._connection.send(form, self._inputs, self._parameters)


class IncomingRequest(InferenceRequest):
    """A request to answer; everything is read from the server when it is asked for."""

    __slots__ = ("_facts", "_sender", "_served", "_tensors")

    def __init__(self, served: ServedRequest, facts: ModelFacts) -> None:
        """Wrap a request of the server."""
        self._served = served
        self._facts = facts
        self._tensors: list[Tensor] | None = None
        self._flags = -1
        self._sender: InferenceResponseSender | None = None

    def inputs(self) -> Sequence[Tensor]:
        """Return its inputs in the client's order."""
        tensors = self._tensors
        if tensors is None:
            bfloats = self._facts.bfloats
            tensors = self._tensors = [
                InputTensor(name, array, BF16 if name in bfloats else 0)
                for name, array in self._served.inputs.items()
            ]
        return tensors

    def request_id(self) -> str:
        """Return the name that the client gave it."""
        return self._served.id

    def correlation_id(self) -> int | str:
        """Return the sequence it belongs to; 0 for none."""
        return self._served.correlation_id

    def flags(self) -> int:
        """Return its flags: 1 for the start of a sequence, 2 for the end."""
        return self._served.flags if self._flags < 0 else self._flags

    def timeout(self) -> int:
        """Return the microseconds that it may wait in the queue."""
        return self._served.timeout

    def parameters(self) -> str:
        """Return its parameters as a JSON object."""
        return _dump(self._served.parameters)

    def requested_output_names(self) -> Collection[str]:
        """Return the names of the outputs wanted."""
        return set(self._served.requested_outputs)

    def is_cancelled(self) -> bool:
        """Return whether nobody waits for the answer any more."""
        return self._served.is_cancelled()

    def get_response_sender(self) -> InferenceResponseSender:
        """Return what answers it piece by piece, from any thread."""
        if self._sender is None:
            self._sender = InferenceResponseSender(self._served.open_sender(), self._facts)
        return self._sender

    def fail(self, message: str, code: str) -> None:
        """Answer it, finally, with an error, unless it had its last answer."""
        try:
            if self._sender is None:
                self._served.fail(message, code)
            else:
                self._sender.close(message, code)
        except RuntimeError:
            return

    @property
    def has_sender(self) -> bool:
        """Whether the model answers it through a response sender."""
        return self._sender is not None

    def exec(self, decoupled: bool = False) -> NoReturn:  # noqa: FBT001, FBT002 - Triton's signature
        """Refuse: a request that came in is answered, not made."""
        del decoupled
        raise TritonModelException("a request that came in cannot be executed; make an InferenceRequest")

    def async_exec(self, decoupled: bool = False) -> NoReturn:  # noqa: FBT001, FBT002 - Triton's signature
        """Refuse: a request that came in is answered, not made."""
        self.exec(decoupled)


def _dump(parameters: Mapping[str, Any]) -> str:
    return json.dumps(parameters, separators=(",", ":"), ensure_ascii=False)
