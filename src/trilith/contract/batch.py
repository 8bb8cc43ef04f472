"""What an instance is handed to execute.

Both protocols are filled by the native core, in the server as well as in worker processes.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trilith.contract.calls import ResponseSender, Trace

Parameter: TypeAlias = bool | int | float | str
"""A value that rides along with a request, a tensor or a response."""


class InferenceRequest(Protocol):
    """One request of a batch, answered exactly once (by a decoupled model: finally once)."""

    @property
    def id(self) -> str:
        """The client's own name for it; empty if it gave none."""

    @property
    def correlation_id(self) -> int | str:
        """The sequence it belongs to; 0 for none."""

    @property
    def flags(self) -> int:
        """Sequence flags: 1 start, 2 end."""

    @property
    def priority(self) -> int:
        """0 for the model's default; 1 is the highest."""

    @property
    def timeout(self) -> int:
        """Microseconds that it may wait in the queue; 0 for the model's default."""

    @property
    def trace(self) -> "Trace | None":
        """Its trace, if it is traced."""

    @property
    def parameters(self) -> dict[str, Parameter]:
        """Values that ride along and mean nothing to the server."""

    @property
    def requested_outputs(self) -> list[str]:
        """Names of the outputs wanted, every output of the model where the client named none."""

    @property
    def inputs(self) -> "dict[str, NDArray[Any]]":
        """Inputs by name, batch dimension included, read-only, in the client's order.

        Arrays are views over memory of the server for as long as they live.
        """

    def is_cancelled(self) -> bool:
        """Whether nobody waits for the answer any more."""

    def respond(
        self, outputs: "Mapping[str, NDArray[Any]]", parameters: Mapping[str, Parameter] | None = None
    ) -> None:
        """Answer with outputs by name, batch dimension included.

        Outputs that were not requested are dropped. Memory belongs to the server from here on:
        an array that the caller keeps is copied, one that it gives away is not.

        Raises:
            ModelError: it was answered already.
        """

    def fail(self, message: str, code: str = "INTERNAL") -> None:
        """Answer with an error; ``code`` is a value of ``ErrorCode``.

        Raises:
            ModelError: it was answered already.
        """

    def reschedule(self) -> None:
        """Hand it back unanswered, to be run again: for models whose sequences are iterative.

        Raises:
            ModelError: it was answered already.
        """

    def open_sender(self) -> "ResponseSender":
        """Have it answered piece by piece, maybe after its batch has returned; once for each request."""


class Batch(Protocol):
    """Requests that run together."""

    @property
    def size(self) -> int:
        """Inferences in it: extent of the batch dimension; 1 where the model has none."""

    @property
    def requests(self) -> Sequence[InferenceRequest]:
        """Its requests, for backends that treat each by itself."""

    @property
    def inputs(self) -> "dict[str, NDArray[Any]]":
        """Inputs over the whole batch by name, batch dimension in front where the model has one.

        Read-only, contiguous, 64-byte aligned; shapes with ``reshape`` applied. BYTES are object
        arrays of ``bytes``, BF16 the ``uint16`` of its bits. A ragged input is one run of elements; inputs
        that tell about the batch (``batch_input``) are there too.
        """

    @property
    def requested_outputs(self) -> list[str]:
        """Names of the outputs that at least one of its requests wants."""
