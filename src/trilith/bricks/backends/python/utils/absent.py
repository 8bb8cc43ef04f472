"""What models written for Triton may call and this version does not carry yet."""

from enum import IntEnum
from typing import Any, ClassVar, NoReturn

from trilith.bricks.backends.python.utils.errors import TritonModelException
from trilith.contract import ErrorCode


def refuse(what: str, instead: str) -> NoReturn:
    """Raise the error that says that something is not there yet, and what to do instead."""
    raise TritonModelException(
        f"{what} is not carried by this version of Trilith yet; {instead}", ErrorCode.UNSUPPORTED
    )


class MetricKind(IntEnum):
    """Kinds of metrics."""

    COUNTER = 0
    GAUGE = 1
    HISTOGRAM = 2


class MetricFamily:
    """Metrics of a model's own."""

    COUNTER: ClassVar = MetricKind.COUNTER
    GAUGE: ClassVar = MetricKind.GAUGE
    HISTOGRAM: ClassVar = MetricKind.HISTOGRAM

    def __init__(self, *_: Any, **__: Any) -> None:
        """Refuse."""
        refuse("MetricFamily (metrics of a model's own)", "leave them out of model.py")


def load_model(*_: Any, **__: Any) -> NoReturn:
    """Refuse to load a model from inside another."""
    refuse("load_model", "load models through the server's repository")


def unload_model(*_: Any, **__: Any) -> NoReturn:
    """Refuse to unload a model from inside another."""
    refuse("unload_model", "unload models through the server's repository")
