"""What instances are handed to execute, without the native core: same shapes, same rules, all in the open."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trilith.contract import ErrorCode, ModelError, Trace
from trilith.contract.batch import Parameter


class RequestDouble:
    """A request, and afterwards its answer."""

    def __init__(
        self, inputs: Mapping[str, NDArray[Any]], requested_outputs: Sequence[str], **properties: Any
    ) -> None:
        self.inputs = {name: _protect(array) for name, array in inputs.items()}
        self.requested_outputs = list(requested_outputs)
        self.id: str = properties.get("id", "")
        self.correlation_id: int | str = properties.get("correlation_id", 0)
        self.flags: int = properties.get("flags", 0)
        self.priority: int = properties.get("priority", 0)
        self.timeout: int = properties.get("timeout", 0)
        self.trace: Trace | None = properties.get("trace")
        self.parameters: dict[str, Parameter] = properties.get("parameters", {})
        self.cancelled: bool = properties.get("cancelled", False)
        self.outputs: dict[str, NDArray[Any]] | None = None
        self.response_parameters: dict[str, Parameter] = {}
        self.error: tuple[str, str] | None = None
        self.is_rescheduled = False
        self.sender: SenderDouble | None = None

    @property
    def is_answered(self) -> bool:
        return self.is_rescheduled or self.outputs is not None or self.error is not None

    def is_cancelled(self) -> bool:
        return self.cancelled

    def respond(
        self, outputs: Mapping[str, NDArray[Any]], parameters: Mapping[str, Parameter] | None = None
    ) -> None:
        self._check_open()
        self.outputs = {name: array for name, array in outputs.items() if name in self.requested_outputs}
        self.response_parameters = dict(parameters or {})

    def fail(self, message: str, code: str = "INTERNAL") -> None:
        self._check_open()
        self.error = message, str(ErrorCode(code))

    def reschedule(self) -> None:
        self._check_open()
        self.is_rescheduled = True

    def open_sender(self) -> "SenderDouble":
        assert self.sender is None, "a request has one sender"
        self.sender = SenderDouble(self)
        return self.sender

    def _check_open(self) -> None:
        if self.is_answered:
            raise ModelError(f"request '{self.id}' was answered already")


class SenderDouble:
    """What was sent through a response sender: responses and errors in order, and whether they have ended."""

    def __init__(self, request: RequestDouble) -> None:
        self.request = request
        self.sent: list[Any] = []
        self.ended = False

    def respond(
        self,
        outputs: Mapping[str, NDArray[Any]],
        parameters: Mapping[str, Parameter] | None = None,
        *,
        last: bool = False,
    ) -> None:
        self._send((dict(outputs), dict(parameters or {})), last=last)

    def fail(self, message: str, code: str = "INTERNAL", *, last: bool = False) -> None:
        self._send((message, code), last=last)

    def finish(self) -> None:
        self._check_open()
        self.ended = True

    def is_cancelled(self) -> bool:
        return self.request.cancelled

    def _send(self, answer: Any, *, last: bool) -> None:
        self._check_open()
        self.sent.append(answer)
        self.ended = last

    def _check_open(self) -> None:
        if self.ended:
            raise RuntimeError("this request was answered already")


class BatchDouble:
    """Requests that run together, gathered along the first dimension where the model has batches."""

    def __init__(self, requests: Sequence[RequestDouble], *, has_batch_dimension: bool = True) -> None:
        self.requests = list(requests)
        self._has_batch_dimension = has_batch_dimension
        first = self.requests[0]
        self.inputs = {
            name: _protect(np.concatenate([request.inputs[name] for request in self.requests]))
            if has_batch_dimension
            else first.inputs[name]
            for name in first.inputs
        }
        self.requested_outputs = list(
            dict.fromkeys(name for request in self.requests for name in request.requested_outputs)
        )

    @property
    def size(self) -> int:
        return sum(self._count(request) for request in self.requests)

    def _count(self, request: RequestDouble) -> int:
        return len(next(iter(request.inputs.values()))) if self._has_batch_dimension else 1

    def run(self, instance: Any) -> list[RequestDouble]:
        """Do what a runtime does around ``execute``; return the requests, all of them answered."""
        try:
            self.finish(instance.execute(self))
        except ModelError as error:
            self.fail(str(error), error.code)
        return self.requests

    def finish(self, outputs: Mapping[str, NDArray[Any]] | None) -> None:
        """Answer every request from outputs over the whole batch; with none, fail those left unanswered."""
        if outputs is None:
            self.fail("left unanswered", ErrorCode.INTERNAL)
            return
        start = 0
        for request in self.requests:
            stop = start + self._count(request)
            own = slice(start, stop) if self._has_batch_dimension else slice(None)
            request.respond({name: array[own] if array.ndim else array for name, array in outputs.items()})
            start = stop

    def fail(self, message: str, code: str) -> None:
        """Fail every request that is left unanswered."""
        for request in self.requests:
            if not request.is_answered and request.sender is None:
                request.fail(message, code)


def _protect(array: NDArray[Any]) -> NDArray[Any]:
    view = np.ascontiguousarray(array) if array.ndim else array.view()
    view = view.view()
    view.flags.writeable = False
    return view
