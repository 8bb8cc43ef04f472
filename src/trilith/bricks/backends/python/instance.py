"""One instance of a model: its object, and the road of a batch through it."""

import json
import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from trilith.bricks.backends.python.errors import translate_load_error, translate_run_error
from trilith.bricks.backends.python.loader import ModelCode
from trilith.bricks.backends.python.utils.facts import ModelFacts
from trilith.bricks.backends.python.utils.request import IncomingRequest
from trilith.bricks.backends.python.utils.response import InferenceResponse
from trilith.contract import Batch, Caller, DataType, InferenceRequest, ModelContext, ModelError, Placement

if TYPE_CHECKING:
    from trilith.bricks.backends.python.coroutines import EventLoop

_LOG = logging.getLogger(__name__)


class PythonInstance:
    """Hands batches to a model's ``execute`` and its responses back."""

    def __init__(self, context: ModelContext, placement: Placement, code: ModelCode) -> None:
        """Make the model's object and initialize it; the code is the instance's own from here on.

        Raises:
            LoadError: the model raised.
        """
        self._name = context.configuration.name
        self._folder = context.source.directory
        configuration = context.configuration
        self._facts = ModelFacts(
            bfloats=frozenset(
                spec.name for spec in configuration.run_inputs if spec.datatype is DataType.BF16
            ),
            outputs=frozenset(spec.name for spec in configuration.run_outputs),
            decoupled=configuration.is_decoupled,
            iterative=bool(configuration.document.get("sequence_batching", {}).get("iterative_sequence")),
        )
        self._loop: EventLoop | None = None
        self._loop_lock = threading.Lock()
        self._code = code
        if context.caller is not None:
            code.connection.open(context.caller)
        self._model = _start_model(code, context, placement)
        self._execute = self._model.execute
        code.connection.take_requests(now=True)

    def connect(self, caller: Caller) -> None:
        """Let the model's requests of others count as made by this instance."""
        self._code.connection.open(caller)

    @property
    def check(self) -> Callable[[], Any] | None:
        """Return what asks the model whether it can serve, where it defines ``is_ready``."""
        return self._ask if hasattr(self._model, "is_ready") else None

    def _ask(self) -> Any:
        verdict = self._model.is_ready()
        if type(verdict) is CoroutineType:
            verdict = self._event_loop().run(verdict)
        return verdict

    def execute(self, batch: Batch) -> None:
        """Run a batch; each request is answered by itself, or by the model whenever it likes."""
        served = batch.requests
        facts = self._facts
        incoming = [IncomingRequest(request, facts) for request in served]
        try:
            responses = self._execute(incoming)
            if type(responses) is CoroutineType:
                if facts.decoupled and not facts.iterative:
                    # As in Triton: the next batch does not wait for a coroutine that answers when it likes.
                    # Where requests may be handed back it does: they run again, their sequence in order.
                    self._event_loop().start(responses, partial(self._end_coroutine, incoming, served))
                    return
                responses = self._event_loop().run(responses)
        except (Exception, SystemExit) as error:
            _LOG.exception("model '%s': execute() raised", self._name)
            raise translate_run_error(error, self._name, self._folder) from error
        if responses is None and (facts.decoupled or any(request.has_sender for request in incoming)):
            self._hand_back(incoming, served)
            return
        if facts.decoupled or type(responses) is not list or len(responses) != len(served):
            raise ModelError(self._explain(responses, served))
        self._answer(incoming, served, responses)

    def _answer(
        self,
        incoming: Sequence[IncomingRequest],
        served: Sequence[InferenceRequest],
        responses: Sequence[Any],
    ) -> None:
        outputs = self._facts.outputs
        for request, received, response in zip(served, incoming, responses, strict=True):
            if isinstance(response, InferenceResponse):
                response.answer(request, outputs)
            elif response is None and received.is_rescheduled:
                request.reschedule()
            elif response is not None or not received.has_sender:
                request.fail(
                    f"model '{self._name}': execute() returned {_name_type(response)} for this request, "
                    f"expected InferenceResponse"
                )

    def _hand_back(self, incoming: Sequence[IncomingRequest], served: Sequence[InferenceRequest]) -> None:
        for request, received in zip(served, incoming, strict=True):
            if received.is_rescheduled:
                request.reschedule()

    def _event_loop(self) -> "EventLoop":
        with self._loop_lock:  # is_ready() runs beside execute()
            if self._loop is None:
                from trilith.bricks.backends.python.coroutines import EventLoop  # noqa: PLC0415 - needed by few

                self._loop = EventLoop()
            return self._loop

    def _end_coroutine(
        self,
        incoming: Sequence[IncomingRequest],
        served: Sequence[InferenceRequest],
        returned: Any,
        error: BaseException | None,
    ) -> None:
        """Fail what a coroutine that raised, or answered wrongly, left open; hand back what it wants so."""
        if error is None and returned is None:
            self._hand_back(incoming, served)
            return
        if error is None:
            failure = ModelError(self._explain(returned, served))
        else:
            _LOG.error("model '%s': execute() raised", self._name, exc_info=error)
            failure = translate_run_error(error, self._name, self._folder)
        for request in incoming:
            request.fail(str(failure), failure.code)

    def _explain(self, responses: Any, served: Sequence[InferenceRequest]) -> str:
        if self._facts.decoupled:
            expected = "expected None: a decoupled model answers through get_response_sender()"
        else:
            expected = f"expected a list with one InferenceResponse for each of the {len(served)} requests"
        found = f"{len(responses)} responses" if isinstance(responses, list) else _name_type(responses)
        return f"model '{self._name}': execute() returned {found}, {expected}"

    def close(self) -> None:
        """Let the model finalize; what it raises there is only logged."""
        self._code.connection.take_requests(now=False)
        try:
            if hasattr(self._model, "finalize"):
                self._model.finalize()
        except (Exception, SystemExit):  # noqa: BLE001 - the instance ends either way
            _LOG.exception("model '%s': finalize() raised", self._name)
        if self._loop is not None:
            self._loop.close()
        self._code.release()
        del self._execute, self._model


def _name_type(value: Any) -> str:
    return "None" if value is None else f"an object of type {type(value).__name__}"


def _start_model(code: ModelCode, context: ModelContext, placement: Placement) -> Any:
    source = context.source
    doing = f"{code.model.__name__}()"
    try:
        model = code.model()
        if hasattr(model, "initialize"):
            doing = "initialize()"
            model.initialize(make_arguments(context, placement))
    except (Exception, SystemExit) as error:
        code.release()
        place = f"model '{source.name}' version {source.version}"
        raise translate_load_error(error, place, doing, source.directory) from error
    return model


def make_arguments(context: ModelContext, placement: Placement) -> dict[str, str]:
    """Return what ``initialize`` is told; every value is text, as in Triton."""
    source = context.source
    return {
        "model_config": json.dumps(
            context.configuration.document, separators=(",", ":"), ensure_ascii=False, default=dict
        ),
        "model_instance_kind": placement.kind.removeprefix("KIND_"),
        "model_instance_name": placement.name,
        "model_instance_device_id": str(placement.device),
        "model_repository": str(source.directory),
        "model_version": str(source.version),
        "model_name": source.name,
    }
