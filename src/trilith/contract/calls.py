"""Requests that a model makes of others while it runs, and answers that it gives piece by piece.

All protocols here are filled by the native core, in the server as well as in worker processes.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from trilith.contract.backend import Instance
from trilith.contract.batch import Parameter

if TYPE_CHECKING:
    from numpy.typing import NDArray


class ResponseSender(Protocol):
    """Answers one request piece by piece, from any thread, also after its batch has returned.

    A model that lets go of it before the last answer has the request failed.
    """

    def respond(
        self,
        outputs: "Mapping[str, NDArray[Any]]",
        parameters: Mapping[str, Parameter] | None = None,
        *,
        last: bool = False,
    ) -> None:
        """Answer with outputs by name; only a decoupled model may answer without ``last``.

        Waits while too many answers are on their way to a client that does not read them.

        Raises:
            RuntimeError: it had its last answer already, or the model is not decoupled.
            TimeoutError: the client has not read for so long that the request was cancelled.
        """

    def fail(self, message: str, code: str = "INTERNAL", *, last: bool = False) -> None:
        """Answer with an error; raises like :meth:`respond`."""

    def finish(self) -> None:
        """End the answers without another one.

        Raises:
            RuntimeError: it had its last answer already.
        """

    def is_cancelled(self) -> bool:
        """Whether nobody waits for answers any more."""


class CallAnswer(Protocol):
    """One answer of another model."""

    @property
    def is_final(self) -> bool:
        """Whether no other follows."""

    @property
    def error(self) -> tuple[str, str] | None:
        """Message and code, where it is an error."""

    @property
    def outputs(self) -> "Sequence[tuple[str, str, NDArray[Any]]]":
        """Name, datatype and values of each output; none where the answers end without another one."""

    @property
    def parameters(self) -> dict[str, Parameter]:
        """Values that ride along."""


class Trace(Protocol):
    """The trace of a request that is being answered; handed on, it covers the requests made for its sake."""

    @property
    def context(self) -> str | None:
        """What other systems are told of it: a JSON object of headers, if there is anything."""


class Call(Protocol):
    """A request that was made of another model. Letting go of it before its end cancels it."""

    @property
    def has_ended(self) -> bool:
        """Whether the last answer was taken."""

    def receive(self) -> CallAnswer | None:
        """Wait for the next answer; ``None`` after the last one."""

    def take(self) -> CallAnswer | None:
        """Return the next answer, if there is one already."""

    def notify(self, callback: Callable[[], object]) -> None:
        """Call back, once, from another thread, when there is something to take."""

    def cancel(self) -> None:
        """Say that nobody waits for it any more; what was answered before can still be received."""


class Metric(Protocol):
    """One series of a family of metrics: what is counted under one set of labels."""

    def increment(self, value: float) -> None:
        """Add to a counter, by no negative number, or to a gauge; does not wait.

        Raises:
            ValueError: the kind cannot do that, or the family was let go.
        """

    def set(self, value: float) -> None:
        """Put a value in the place of a gauge's; raises like :meth:`increment`."""

    def observe(self, value: float) -> None:
        """Count an observation in a histogram; raises like :meth:`increment`."""

    def value(self) -> float:
        """Return what all who count into it have counted; raises like :meth:`increment`."""


class MetricFamily(Protocol):
    """Metrics of one name and kind. They are shown as long as the family that made them is held."""

    def metric(self, labels: list[tuple[str, str]], buckets: list[float] | None) -> Metric:
        """Open the series with these labels; whoever opens the same counts into the same.

        Args:
            labels: names and values.
            buckets: ascending upper bounds of a histogram's buckets; ``None`` for other kinds.

        Raises:
            ValueError: labels or buckets are wrong.
        """


class Caller(Protocol):
    """How an instance reaches the rest of the server: other models, and metrics of its own."""

    def call(
        self,
        form: str,
        inputs: "list[tuple[str, str, NDArray[Any]]]",
        parameters: dict[str, Parameter],
        trace: Trace | None = None,
    ) -> Call:
        """Send a request on its way.

        Args:
            form: JSON object: ``model``, ``version`` (int or null), ``takes_many`` (bool, whether more
                than one answer may come), ``id``, ``correlation_id`` (int or str), ``flags``, ``priority``,
                ``timeout`` (microseconds), ``outputs`` (list of names, empty for all).
            inputs: name, datatype (``FP32``) and values.
            parameters: values that ride along.
            trace: of the request for whose sake this one is made, if it is to be covered.

        Raises:
            ValueError: a datatype is unknown, or a value does not fit.
        """

    def is_ready(self, model: str, version: int | None) -> bool:
        """Whether a model takes requests."""

    def change_model(
        self, kind: str, model: str, parameters: dict[str, bool | str | bytes]
    ) -> tuple[str, str] | None:
        """Have a model loaded or unloaded, and wait until it is.

        Args:
            kind: ``load`` or ``unload``.
            model: its name.
            parameters: ``config`` and ``file:...`` of a load, ``unload_dependents`` of an unload.

        Returns:
            Message and code, where it could not be done.
        """

    def open_family(self, name: str, help: str, kind: str) -> MetricFamily:  # noqa: A002 - the format's word
        """Open a family of metrics; one that is there already is shared.

        Args:
            name: of letters, digits, ``_`` and ``:``.
            help: what it counts, in words.
            kind: ``counter``, ``gauge`` or ``histogram``.

        Raises:
            ValueError: the name is none, is the server's own, or is that of a family of another kind.
        """


@runtime_checkable
class CallingInstance(Instance, Protocol):
    """An instance whose model may make requests of others."""

    def connect(self, caller: Caller) -> None:
        """Take the way to other models. Called once, before the first batch that clients wait for."""
