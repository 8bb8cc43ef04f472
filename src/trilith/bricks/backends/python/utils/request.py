"""Requests as models see them."""

import json
from collections.abc import Collection, Sequence
from typing import Any, NoReturn

from trilith.bricks.backends.python.utils.absent import refuse
from trilith.bricks.backends.python.utils.datatypes import BF16
from trilith.bricks.backends.python.utils.errors import TritonModelException
from trilith.bricks.backends.python.utils.tensor import InputTensor, Tensor
from trilith.contract import InferenceRequest as ServedRequest

_RELEASE_ALL = 1
_RELEASE_RESCHEDULE = 2
_BLS = "calling other models from inside a model (InferenceRequest.exec)"


class InferenceRequest:
    """A request that a model makes to another; made, but not carried yet."""

    __slots__ = ("_fields", "_flags")

    def __init__(self, **fields: Any) -> None:
        """Keep what the request is made of: ``model_name``, ``inputs``, ``requested_output_names``, ..."""
        self._fields = fields
        self._flags: int = fields.get("flags", 0)

    def inputs(self) -> Sequence[Tensor]:
        """Return its inputs."""
        tensors: Sequence[Tensor] = self._fields.get("inputs", [])
        return tensors

    def request_id(self) -> str:
        """Return the name that the client gave it."""
        return str(self._fields.get("request_id", ""))

    def correlation_id(self) -> int | str:
        """Return the sequence it belongs to; 0 for none."""
        identifier: int | str = self._fields.get("correlation_id", 0)
        return identifier

    def flags(self) -> int:
        """Return its flags: 1 for the start of a sequence, 2 for the end."""
        return self._flags

    def set_flags(self, flags: int) -> None:
        """Change its flags."""
        self._flags = flags

    def timeout(self) -> int:
        """Return the microseconds that it may wait in the queue."""
        return int(self._fields.get("timeout", 0))

    def parameters(self) -> str:
        """Return its parameters as a JSON object."""
        return _dump(self._fields.get("parameters") or {})

    def requested_output_names(self) -> Collection[str]:
        """Return the names of the outputs wanted."""
        return set(self._fields.get("requested_output_names", ()))

    def is_cancelled(self) -> bool:
        """Return whether nobody waits for the answer any more."""
        return False

    def trace(self) -> "InferenceTrace":
        """Return its trace, which is empty: tracing is not carried yet."""
        return InferenceTrace()

    def set_release_flags(self, flags: int) -> None:
        """Refuse: only a request that is to be answered can be handed back."""
        del flags
        refuse("set_release_flags on a request that the model made", "set them on the request to answer")

    def get_response_sender(self) -> NoReturn:
        """Refuse: several answers to one request are not carried yet."""
        refuse("get_response_sender (decoupled answers)", "return one InferenceResponse for each request")

    def exec(self, decoupled: bool = False) -> NoReturn:  # noqa: FBT001, FBT002 - Triton's signature
        """Refuse to call another model."""
        del decoupled
        refuse(_BLS, "call it through the server with a client")

    def async_exec(self, decoupled: bool = False) -> NoReturn:  # noqa: FBT001, FBT002 - Triton's signature
        """Refuse to call another model."""
        del decoupled
        refuse(_BLS, "call it through the server with a client")


class IncomingRequest(InferenceRequest):
    """A request to answer; everything is read from the server when it is asked for."""

    __slots__ = ("_bfloats", "_release_flags", "_served", "_tensors")

    def __init__(self, served: ServedRequest, bfloats: Collection[str]) -> None:
        """Wrap a request of the server; inputs named in ``bfloats`` are BF16."""
        self._served = served
        self._bfloats = bfloats
        self._tensors: list[Tensor] | None = None
        self._flags = -1
        self._release_flags = _RELEASE_ALL

    def inputs(self) -> Sequence[Tensor]:
        """Return its inputs in the client's order."""
        tensors = self._tensors
        if tensors is None:
            bfloats = self._bfloats
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

    def parameters(self) -> str:
        """Return its parameters as a JSON object."""
        return _dump(self._served.parameters)

    def requested_output_names(self) -> Collection[str]:
        """Return the names of the outputs wanted."""
        return set(self._served.requested_outputs)

    def is_cancelled(self) -> bool:
        """Return whether nobody waits for the answer any more."""
        return self._served.is_cancelled()


class InferenceTrace:
    """The trace of a request."""

    def get_context(self) -> None:
        """Return nothing: tracing is not carried yet."""


def _dump(parameters: dict[str, Any]) -> str:
    return json.dumps(parameters, separators=(",", ":"), ensure_ascii=False)
