"""Requests to other models: their way out, and their answers.

Each instance has a module of utilities of its own, and in it a :class:`Connection`, so that a request
knows whose it is.
"""

import contextlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from trilith.bricks.backends.python.utils.datatypes import BF16, DATATYPE_BY_NUMBER
from trilith.bricks.backends.python.utils.errors import TritonError, TritonErrorCode, TritonModelException
from trilith.bricks.backends.python.utils.response import InferenceResponse
from trilith.bricks.backends.python.utils.tensor import InputTensor, Tensor
from trilith.contract import Call, CallAnswer, Caller, ErrorCode
from trilith.contract.batch import Parameter

if TYPE_CHECKING:
    import asyncio


class Connection:
    """The way from one instance to the rest of the server.

    It is there from ``initialize`` on. Requests to other models can be made between ``initialize`` and
    ``finalize``, as in Triton.
    """

    def __init__(self) -> None:
        """Lead nowhere yet."""
        self._caller: Caller | None = None
        self._takes_requests = False

    def open(self, caller: Caller) -> None:
        """Lead to the rest of the server."""
        self._caller = caller

    def take_requests(self, *, now: bool) -> None:
        """Say whether requests to other models can be made from now on."""
        self._takes_requests = now

    @property
    def caller(self) -> Caller:
        """The way.

        Raises:
            TritonModelException: there is none yet.
        """
        if self._caller is None:
            raise TritonModelException(
                "the rest of the server can be reached from initialize() on, not before",
                ErrorCode.UNAVAILABLE,
            )
        return self._caller

    def send(
        self, form: Mapping[str, Any], inputs: Sequence[Tensor], parameters: Mapping[str, Parameter]
    ) -> Call:
        """Send a request on its way.

        Raises:
            TritonModelException: the model is being loaded, or finalized.
        """
        if not self._takes_requests:
            raise TritonModelException(
                "BLS is only supported during the 'execute' function: make requests of other models there",
                ErrorCode.UNAVAILABLE,
            )
        tensors = [(tensor.name(), _name_datatype(tensor), tensor.payload()) for tensor in inputs]
        return self.caller.call(json.dumps(form), tensors, dict(parameters))

    def is_model_ready(self, model_name: str, model_version: str = "") -> bool:
        """Return whether a model takes requests; without a version, whether any version of it does."""
        try:
            version = int(model_version) if model_version else None
        except ValueError:
            raise TritonModelException(
                f"Failed to check model readiness: '{model_version}' is no version; expected a number as text"
            ) from None
        return self.caller.is_ready(model_name, version)

    def load_model(self, model_name: str, config: str = "", files: Mapping[str, bytes] | None = None) -> None:
        """Load a model, or load it again, and wait until it serves.

        Args:
            model_name: its name.
            config: a configuration as JSON, in the place of the one in its folder.
            files: content of files by ``file:PATH``, which make up the model's folder.

        Raises:
            TritonModelException: it could not be loaded.
        """
        if files is not None and not isinstance(files, dict):
            raise TritonModelException(
                f"failed to load model '{model_name}', files should be a dictionary of file paths and file "
                f"contents"
            )
        parameters: dict[str, bool | str | bytes] = dict(files or {})
        if not all(isinstance(content, bytes) for content in parameters.values()):
            raise TypeError(f"load_model('{model_name}'): the content of each file is given as bytes")
        if config:
            parameters["config"] = config
        self._change("load", model_name, parameters)

    def unload_model(self, model_name: str, unload_dependents: bool = False) -> None:  # noqa: FBT001, FBT002 - Triton's signature
        """Stop a model taking requests; what it has it finishes. One that is not loaded is no error.

        Args:
            model_name: its name.
            unload_dependents: also unload what was loaded for its sake alone.

        Raises:
            TritonModelException: it could not be unloaded.
        """
        self._change("unload", model_name, {"unload_dependents": unload_dependents})

    def _change(self, kind: str, model: str, parameters: dict[str, bool | str | bytes]) -> None:
        failure = self.caller.change_model(kind, model, parameters)
        if failure is not None:
            message, code = failure
            known = ErrorCode(code) if code in list(ErrorCode) else ErrorCode.INTERNAL
            raise TritonModelException(f"Failed to {kind} model: {message}", known)


def _name_datatype(tensor: Tensor) -> str:
    return DATATYPE_BY_NUMBER[tensor.triton_dtype()]


class ResponseIterator:
    """The responses of a decoupled model, as they come.

    Where its answers end without another response, the last one is empty. Once at the end, it can be
    run through again from the beginning, as in Triton.
    """

    def __init__(self, call: Call) -> None:
        """Wait for the responses to a request that is on its way."""
        self._call: Call | None = call
        self._responses: list[InferenceResponse] = []
        self._position = 0

    def __iter__(self) -> "ResponseIterator":
        """Go on, or begin again where the end was reached."""
        if self._call is None and self._position >= len(self._responses):
            self._position = 0
        return self

    def __next__(self) -> InferenceResponse:
        """Wait for the next response."""
        if self._call is None:
            return self._repeat()
        answer = self._call.receive()
        if answer is None:
            raise StopIteration
        return self._keep(answer)

    def __aiter__(self) -> "ResponseIterator":
        """Go on, or begin again where the end was reached."""
        return iter(self)

    async def __anext__(self) -> InferenceResponse:
        """Wait for the next response without holding up the event loop."""
        answer = None if self._call is None else await receive(self._call)
        if answer is not None:
            return self._keep(answer)
        try:
            return self._repeat()
        except StopIteration:
            raise StopAsyncIteration from None

    def cancel(self) -> None:
        """Say that no further responses are wanted."""
        if self._call is not None:
            self._call.cancel()

    def _keep(self, answer: CallAnswer) -> InferenceResponse:
        response = read_answer(answer)
        self._responses.append(response)
        self._position += 1
        if answer.is_final:
            self._call = None
        return response

    def _repeat(self) -> InferenceResponse:
        if self._position >= len(self._responses):
            raise StopIteration
        self._position += 1
        return self._responses[self._position - 1]


def receive_one(call: Call) -> InferenceResponse:
    """Wait for the one response of a model that answers once."""
    answer = call.receive()
    return _lost() if answer is None else read_answer(answer)


async def receive_one_async(call: Call) -> InferenceResponse:
    """Wait for the one response of a model that answers once, without holding up the event loop."""
    answer = await receive(call)
    return _lost() if answer is None else read_answer(answer)


def _lost() -> InferenceResponse:
    return InferenceResponse(error=TritonError("the request ended without a response"))


async def receive(call: Call) -> CallAnswer | None:
    """Wait for the next answer without holding up the event loop; ``None`` after the last one."""
    import asyncio  # noqa: PLC0415 - needed by few

    loop = asyncio.get_running_loop()
    while (answer := call.take()) is None and not call.has_ended:
        arrived = loop.create_future()
        call.notify(partial(_wake, loop, arrived))
        await arrived
    return answer


def _wake(loop: "asyncio.AbstractEventLoop", arrived: "asyncio.Future[None]") -> None:
    # A loop that was closed meanwhile has nobody left to wake.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(_settle, arrived)


def _settle(arrived: "asyncio.Future[None]") -> None:
    if not arrived.done():
        arrived.set_result(None)


def read_answer(answer: CallAnswer) -> InferenceResponse:
    """Return another model's answer as the response that it is."""
    if answer.error is not None:
        message, code = answer.error
        known = TritonErrorCode.__members__.get(code, TritonErrorCode.INTERNAL)
        return InferenceResponse(error=TritonError(message, known))
    tensors = [
        InputTensor(name, array, BF16 if datatype == "BF16" else 0)
        for name, datatype, array in answer.outputs
    ]
    return InferenceResponse(tensors, parameters=answer.parameters)
