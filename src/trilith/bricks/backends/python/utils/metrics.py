"""Metrics of a model's own, beside the server's at ``/metrics``."""

from enum import IntEnum
from typing import TYPE_CHECKING, Any, ClassVar

from trilith.bricks.backends.python.utils.calls import Connection
from trilith.bricks.backends.python.utils.errors import TritonModelException

if TYPE_CHECKING:
    from trilith import contract


class MetricKind(IntEnum):
    """Kinds of metrics."""

    COUNTER = 0
    GAUGE = 1
    HISTOGRAM = 2


class Metric:
    """What is counted under one set of labels, made by :meth:`MetricFamily.Metric`.

    Counting does not wait for the server and may be done from any thread; :meth:`value` waits for it.
    """

    __slots__ = ("_series",)

    def __init__(self, series: "contract.Metric") -> None:
        """Wrap a series of the server."""
        self._series = series

    def increment(self, value: float) -> None:
        """Add to a counter, by no negative number, or to a gauge.

        Raises:
            TritonModelException: the kind cannot do that, or the family was deleted.
        """
        try:
            self._series.increment(value)
        except ValueError as error:
            raise TritonModelException(f"Failed to increment metric value: {error}") from None

    def set(self, value: float) -> None:
        """Put a value in the place of a gauge's; raises like :meth:`increment`."""
        try:
            self._series.set(value)
        except ValueError as error:
            raise TritonModelException(f"Failed to set metric value: {error}") from None

    def observe(self, value: float) -> None:
        """Count an observation in a histogram; raises like :meth:`increment`."""
        try:
            self._series.observe(value)
        except ValueError as error:
            raise TritonModelException(f"Failed to observe metric value: {error}") from None

    def value(self) -> float:
        """Return what all instances together counted, or a gauge's value; raises like :meth:`increment`."""
        try:
            return self._series.value()
        except ValueError as error:
            raise TritonModelException(f"Failed to get metric value: {error}") from None


class MetricFamily:
    """Metrics of one name and kind.

    Instances that make a family of the same name share it, and its metrics with the same labels. As in
    Triton, metrics are shown until their family is deleted, also where they themselves are not kept.
    """

    __slots__ = ("_family", "_kind")

    COUNTER: ClassVar = MetricKind.COUNTER
    GAUGE: ClassVar = MetricKind.GAUGE
    HISTOGRAM: ClassVar = MetricKind.HISTOGRAM
    _connection: ClassVar[Connection] = Connection()

    def __init__(self, name: str, description: str, kind: MetricKind) -> None:
        """Make a family, or share the one that there is.

        Raises:
            TypeError: an argument is of another type.
            TritonModelException: the name is none, or that of a family of another kind.
        """
        if not isinstance(kind, MetricKind):
            raise TypeError(
                f"MetricFamily(kind): expected MetricFamily.COUNTER, GAUGE or HISTOGRAM, got {kind!r}"
            )
        self._kind = kind
        try:
            self._family = self._connection.caller.open_family(name, description, kind.name.lower())
        except ValueError as error:
            raise TritonModelException(f"Error when creating MetricFamily: {error}") from None

    def Metric(self, labels: Any = None, buckets: Any = None) -> Metric:  # noqa: N802 - Triton's name
        """Make a metric of this family.

        Args:
            labels: a dictionary of texts; those who give the same count together.
            buckets: ascending upper bounds of a histogram's buckets, as a list; 'less or equal' counts.

        Raises:
            TritonModelException: labels or buckets are wrong.
        """
        _check(labels, buckets, self._kind)
        bounds = None if buckets is None else [float(bound) for bound in buckets]
        try:
            return Metric(self._family.metric(list((labels or {}).items()), bounds))
        except ValueError as error:
            raise TritonModelException(f"Error when creating Metric: {error}") from None


def _check(labels: Any, buckets: Any, kind: MetricKind) -> None:
    if labels is not None and not isinstance(labels, dict):
        raise TritonModelException("Failed to create metric. Labels must be a dictionary.")
    for name, value in (labels or {}).items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise TritonModelException(
                f"Error when creating Metric: label {name!r} is {value!r}; labels are texts by name"
            )
    if buckets is not None and not isinstance(buckets, list):
        raise TritonModelException("Failed to create metric. Buckets must be a list.")
    if buckets is not None and kind is not MetricKind.HISTOGRAM:
        raise TritonModelException("Failed to create metric. Unexpected buckets found.")
    if buckets is None and kind is MetricKind.HISTOGRAM:
        raise TritonModelException("Failed to create metric. Missing required buckets.")
