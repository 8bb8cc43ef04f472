"""Requests as models see them: those that they answer, and those that they make."""

import json
from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
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
from trilith.contract import Call, Trace
from trilith.contract import InferenceRequest as ServedRequest
from trilith.contract.batch import Parameter

_RELEASE_ALL = 1
_RELEASE_RESCHEDULE = 2


class InferenceTrace:
    """The trace of a request: to be handed on to requests that are made for its sake."""

    __slots__ = ("_trace",)

    def __init__(self, trace: Trace | None = None) -> None:
        """Stand for a trace, or for that of a request which is not traced."""
        self._trace = trace

    def get_context(self) -> str | None:
        """Return the headers by which other systems continue it, as a JSON object; ``None`` without any."""
        return None if self._trace is None else self._trace.context

    @property
    def served(self) -> Trace | None:
        """The server's own, if there is one."""
        return self._trace


@dataclass(frozen=True)
class RequestFields:
    """What a request to another model says, in Triton's order and with Triton's names."""

    request_id: str = ""
    correlation_id: int | str = 0
    """The sequence it belongs to; 0 for none."""
    inputs: Sequence[Tensor] = field(default_factory=lambda: _raise_missing("inputs"))
    requested_output_names: Sequence[str] = field(
        default_factory=lambda: _raise_missing("requested_output_names")
    )
    """Outputs wanted; none for all."""
    model_name: str = field(default_factory=lambda: _raise_missing("model_name"))
    model_version: int = -1
    """Negative lets the version policy choose."""
    flags: int = 0
    """1 for the start of a sequence, 2 for the end."""
    timeout: int = 0
    """Microseconds that it may wait in the queue; 0 for the model's default."""
    preferred_memory: PreferredMemory | None = None
    """Where outputs should be; they are in host memory."""
    trace: InferenceTrace | None = None
    parameters: Mapping[str, Parameter] | None = None

    def __post_init__(self) -> None:
        """Check what a caller gets wrong.

        Raises:
            TypeError: something is of another type.
        """
        if not isinstance(self.correlation_id, (int, str)):
            raise TypeError("InferenceRequest(correlation_id): expected int or str")
        for tensor in self.inputs:
            if not isinstance(tensor, Tensor):
                kind = type(tensor).__name__
                raise TypeError(f"InferenceRequest(inputs): {kind} in the list, expected Tensor")


def _raise_missing(name: str) -> NoReturn:
    raise TypeError(
        f"InferenceRequest takes model_name, inputs and requested_output_names; '{name}' is missing"
    )


class InferenceRequest:
    """A request that a model makes of another."""

    __slots__ = ("_fields", "_flags")

    _connection: ClassVar[Connection] = Connection()

    def __init__(self, *positional: Any, **named: Any) -> None:
        """Say what is asked of whom, as :class:`RequestFields` lists it.

        Raises:
            TypeError: model, inputs or requested outputs are missing, or something is of another type.
        """
        fields = RequestFields(*positional, **named)
        self._fields = fields
        self._flags = fields.flags

    def inputs(self) -> Sequence[Tensor]:
        """Return its inputs."""
        return self._fields.inputs

    def request_id(self) -> str:
        """Return the caller's own name for it."""
        return self._fields.request_id

    def correlation_id(self) -> int | str:
        """Return the sequence it belongs to; 0 for none."""
        return self._fields.correlation_id

    def flags(self) -> int:
        """Return its flags: 1 for the start of a sequence, 2 for the end."""
        return self._flags

    def set_flags(self, flags: int) -> None:
        """Change its flags."""
        self._flags = flags

    def timeout(self) -> int:
        """Return the microseconds that it may wait in the queue."""
        return self._fields.timeout

    def parameters(self) -> str:
        """Return its parameters as a JSON object."""
        return _dump(self._fields.parameters or {})

    def requested_output_names(self) -> Collection[str]:
        """Return the names of the outputs wanted."""
        return set(self._fields.requested_output_names)

    def is_cancelled(self) -> bool:
        """Return whether nobody waits for the answer any more."""
        return False

    def trace(self) -> InferenceTrace:
        """Return the trace that it continues."""
        return self._fields.trace or InferenceTrace()

    def set_release_flags(self, flags: int) -> None:
        """Refuse: only a request that is to be answered can be handed back."""
        del flags
        refuse("set_release_flags on a request that the model made", "set them on the request to answer")

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
        import asyncio  # noqa: PLC0415 - needed by few

        call = self._send(takes_many=decoupled)
        if not decoupled:
            return asyncio.ensure_future(receive_one_async(call))
        begun = asyncio.get_running_loop().create_future()
        begun.set_result(ResponseIterator(call))
        return begun

    def _send(self, *, takes_many: bool) -> Call:
        fields = self._fields
        form = {
            "model": fields.model_name,
            "version": fields.model_version if fields.model_version >= 0 else None,
            "takes_many": takes_many,
            "id": fields.request_id,
            "correlation_id": fields.correlation_id,
            "flags": self._flags,
            "priority": 0,
            "timeout": fields.timeout,
            "outputs": list(fields.requested_output_names),
        }
        trace = None if fields.trace is None else fields.trace.served
        return self._connection.send(form, fields.inputs, fields.parameters or {}, trace)


class IncomingRequest(InferenceRequest):
    """A request to answer; everything is read from the server when it is asked for."""

    __slots__ = ("_facts", "_release_flags", "_sender", "_served", "_tensors")

    def __init__(self, served: ServedRequest, facts: ModelFacts) -> None:
        """Wrap a request of the server."""
        self._served = served
        self._facts = facts
        self._tensors: list[Tensor] | None = None
        self._flags = -1
        self._release_flags = _RELEASE_ALL
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

    def set_release_flags(self, flags: int) -> None:
        """Say what becomes of it after ``execute``: it is released, or handed back to be run again.

        Raises:
            TritonModelException: the flags are neither of the two.
        """
        if flags not in (_RELEASE_ALL, _RELEASE_RESCHEDULE):
            raise TritonModelException(
                f"set_release_flags({flags}): expected TRITONSERVER_REQUEST_RELEASE_ALL or "
                f"TRITONSERVER_REQUEST_RELEASE_RESCHEDULE"
            )
        self._release_flags = flags

    @property
    def is_rescheduled(self) -> bool:
        """Whether the model wants to run it again."""
        return self._release_flags == _RELEASE_RESCHEDULE

    def timeout(self) -> int:
        """Return the microseconds that it may wait in the queue."""
        return self._served.timeout

    def trace(self) -> InferenceTrace:
        """Return its trace."""
        return InferenceTrace(self._served.trace)

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
