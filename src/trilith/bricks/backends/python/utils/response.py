"""Responses as models make them."""

import json
from collections.abc import Collection, Mapping, Sequence

from trilith.bricks.backends.python.utils.errors import TritonError, TritonModelException
from trilith.bricks.backends.python.utils.tensor import Tensor
from trilith.contract import InferenceRequest, ResponseSender
from trilith.contract.batch import Parameter


class InferenceResponse:
    """The answer to one request: outputs, or an error."""

    __slots__ = ("_error", "_parameters", "_tensors")

    def __init__(
        self,
        output_tensors: Sequence[Tensor] = (),
        error: TritonError | None = None,
        parameters: Mapping[str, Parameter] | None = None,
    ) -> None:
        """Answer with outputs, or with an error.

        Raises:
            TypeError: an argument is of another type.
            TritonModelException: parameters are not text, numbers or truth values by name.
        """
        if not isinstance(output_tensors, (list, tuple)):
            raise TypeError(
                f"InferenceResponse(output_tensors): got a {type(output_tensors).__name__}, "
                f"expected a list of Tensor"
            )
        for tensor in output_tensors:
            if not isinstance(tensor, Tensor):
                raise TypeError(
                    f"InferenceResponse(output_tensors): {type(tensor).__name__} in the list, expected Tensor"
                )
        if error is not None and not isinstance(error, TritonError):
            raise TypeError(f"InferenceResponse(error): got a {type(error).__name__}, expected TritonError")
        if parameters:
            _check_parameters(parameters)
        self._tensors = output_tensors
        self._error = error
        self._parameters = parameters

    def output_tensors(self) -> list[Tensor]:
        """Return the outputs."""
        return list(self._tensors)

    def has_error(self) -> bool:
        """Return whether it carries an error instead of outputs."""
        return self._error is not None

    def error(self) -> TritonError | None:
        """Return the error; ``None`` where there is none."""
        return self._error

    def parameters(self) -> str:
        """Return its parameters as a JSON object."""
        return json.dumps(dict(self._parameters or {}), separators=(",", ":"), ensure_ascii=False)

    def answer(self, request: InferenceRequest, names: Collection[str]) -> None:
        """Answer a request of the server with it.

        As in Triton, outputs not among ``names`` are dropped, and some of those may be missing. Both at once
        is an error: a name that was written wrongly.
        """
        error = self._error
        if error is not None:
            request.fail(error.message(), error.code().name)
            return
        outputs = {tensor.name(): tensor.payload() for tensor in self._tensors if tensor.name() in names}
        if len(outputs) == len(self._tensors):
            request.respond(outputs, self._parameters)
            return
        unknown = [tensor.name() for tensor in self._tensors if tensor.name() not in outputs]
        missing = [name for name in names if name not in outputs]
        if unknown and missing:
            request.fail(
                f"the model gave output {_quote(unknown)} where {_quote(missing)} was expected", "INTERNAL"
            )
        else:
            request.respond(outputs, self._parameters)

    def send(self, sender: ResponseSender, names: Collection[str], *, last: bool) -> None:
        """Send it as one of the answers to a request; outputs not among ``names`` are dropped."""
        error = self._error
        if error is not None:
            sender.fail(error.message(), error.code().name, last=last)
            return
        outputs = {tensor.name(): tensor.payload() for tensor in self._tensors if tensor.name() in names}
        sender.respond(outputs, self._parameters, last=last)


def _quote(names: Collection[str]) -> str:
    return ", ".join(f"'{name}'" for name in sorted(names))


def _check_parameters(parameters: Mapping[str, Parameter]) -> None:
    for key, value in parameters.items():
        if not isinstance(key, str) or not isinstance(value, (bool, int, float, str)):
            raise TritonModelException(
                f"response parameter {key!r} is a {type(value).__name__}; "
                f"names must be str, values bool, int, float or str",
            )
