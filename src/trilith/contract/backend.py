"""What a backend does with a model: complete its configuration, load it, execute batches."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

from trilith.contract.batch import Batch
from trilith.contract.model import ModelContext, ModelSource, Placement

if TYPE_CHECKING:
    from numpy.typing import NDArray

BackendSettings: TypeAlias = Mapping[str, str]
"""Values of ``--backend-config=NAME,KEY=VALUE`` for one backend."""


class Instance(Protocol):
    """One place where batches run; it is only ever called from one thread at a time."""

    def execute(self, batch: Batch) -> "Mapping[str, NDArray[Any]] | None":
        """Run a batch.

        Returns:
            Outputs over the whole batch by name, or ``None`` where each request was answered by
            itself. A request that is left unanswered fails with an error that says so, unless it has a
            sender of its own (:class:`~trilith.contract.calls.ResponseSender`) or the model is decoupled.

        Raises:
            ModelError: the batch fails with that message and code.
            Exception: any other fails it with the message and code ``INTERNAL``.
        """

    def close(self) -> None:
        """Let go of what the instance holds. Called once, after the last batch."""


@runtime_checkable
class CheckedInstance(Instance, Protocol):
    """An instance whose model may be asked whether it can serve now."""

    @property
    def check(self) -> Callable[[], Any] | None:
        """Return what asks it, ``True`` or ``False``, or ``None`` where it has no say.

        It may be called from any thread, beside :meth:`Instance.execute`, but not twice at once.
        """


class LoadedModel(Protocol):
    """A model version in memory, from which instances are made."""

    def create_instance(self, placement: Placement) -> Instance:
        """Make the instance for one placement; called once for each, maybe from several threads.

        Raises:
            LoadError: it cannot be made; the message says why and what to do.
        """

    def close(self) -> None:
        """Let go of what the instances share. Called once, after the last of them was closed."""


class Backend(Protocol):
    """Runs models of one kind. The object behind an entry point of the group ``trilith.bricks``."""

    def complete(self, source: ModelSource, document: dict[str, Any]) -> dict[str, Any]:
        """Fill in what a configuration leaves open, from the model itself.

        Args:
            source: where the model's files lie.
            document: the ``ModelConfig`` so far, as JSON with the field names of ``config.pbtxt``
                (only what was written; datatypes as ``TYPE_FP32``).

        Returns:
            The document with inputs, outputs, ``max_batch_size`` and so on filled in; what was
            written stays as it is.

        Raises:
            LoadError: the model cannot be read.
            ConfigurationError: it contradicts what is written. Each problem names its ``field``; file and
                line are added by the runtime.
        """

    def load(self, context: ModelContext) -> LoadedModel:
        """Bring a model version into memory.

        Raises:
            LoadError: it cannot be loaded; the message says why and what to do.
            ConfigurationError: it contradicts its configuration, as from :meth:`Backend.complete`.
        """
