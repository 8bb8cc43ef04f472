"""What an instance does all day, in the server as well as in a worker process."""

import logging
from collections.abc import Mapping
from typing import Any, Protocol

from numpy.typing import NDArray

from trilith.contract import Batch, Caller, CallingInstance, ErrorCode, Instance, ModelError

log = logging.getLogger(__name__)


class AnswerableBatch(Batch, Protocol):
    """A batch of the native core: what backends see of it, and how it is answered."""

    def finish(self, outputs: Mapping[str, NDArray[Any]] | None) -> None:
        """Answer every request from outputs over the whole batch."""

    def fail(self, message: str, code: str) -> None:
        """Fail every request that is left unanswered."""


class BatchSource(Protocol):
    """Where an instance takes its batches: an instance port or a worker port of the native core."""

    def next_batch(self) -> AnswerableBatch | None:
        """Wait for the next batch; ``None`` when the model has ended."""

    def caller(self) -> Caller:
        """Return the way to other models."""


def run_instance(source: BatchSource, instance: Instance, name: str) -> None:
    """Execute batches until there are no more. Nothing that a model raises ends this."""
    if isinstance(instance, CallingInstance):
        instance.connect(source.caller())
    while True:
        batch = source.next_batch()
        if batch is None:
            return
        execute(instance, batch, name)
        del batch  # its memory goes back before the wait for the next one


def execute(instance: Instance, batch: AnswerableBatch, name: str) -> None:
    """Execute one batch and see to it that it is answered."""
    try:
        batch.finish(instance.execute(batch))
    except ModelError as error:
        batch.fail(str(error), error.code)
    except BaseException as error:  # a model that calls sys.exit fails its batch, no more
        log.exception("instance '%s' failed a batch of %d", name, batch.size)
        batch.fail(f"instance '{name}' failed: {_describe(error)}", ErrorCode.INTERNAL)


def _describe(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001  an error of the model's own, whose text is made by its code
        return type(error).__name__


def close_instance(instance: Instance, name: str) -> None:
    """Close an instance; what its model raises at the end is logged and goes no further."""
    try:
        instance.close()
    except BaseException:  # the last word of a model must not keep others from ending
        log.exception("instance '%s' failed while it was closed", name)
