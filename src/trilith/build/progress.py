"""Shows what is being fetched: a bar on a terminal where rich is there, lines elsewhere."""

import contextlib
import sys
import threading
from collections.abc import Iterator
from typing import Protocol


class Progress(Protocol):
    """Is told how far a fetch is; from several threads."""

    def advance(self, count: int) -> None:
        """Note that some bytes came."""

    def done(self, name: str) -> None:
        """Note that an item is whole."""


class Silent:
    """Shows nothing."""

    def advance(self, count: int) -> None:
        """Ignore it."""

    def done(self, name: str) -> None:
        """Ignore it."""


class Lines:
    """Writes a line for each item."""

    def __init__(self, total: int) -> None:
        """Count from 1 to a total."""
        self._total, self._count, self._lock = total, 0, threading.Lock()

    def advance(self, count: int) -> None:
        """Bytes are not shown."""

    def done(self, name: str) -> None:
        """Write one line."""
        with self._lock:
            self._count += 1
            sys.stderr.write(f"{self._count}/{self._total} {name}\n")


@contextlib.contextmanager
def showing(total: int, *, quiet: bool = False) -> Iterator[Progress]:
    """Show the progress of a number of items."""
    if quiet or not total:
        yield Silent()
    elif sys.stderr.isatty():
        with _bar(total) as bar:
            yield bar
    else:
        yield Lines(total)


@contextlib.contextmanager
def _bar(total: int) -> Iterator[Progress]:
    try:
        from rich.console import Console  # noqa: PLC0415  optional
        from rich.progress import (  # noqa: PLC0415
            BarColumn,
            MofNCompleteColumn,
            TextColumn,
            TimeElapsedColumn,
        )
        from rich.progress import Progress as Bars  # noqa: PLC0415
    except ImportError:
        yield Lines(total)
        return
    columns = [BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[size]}"), TimeElapsedColumn()]
    with Bars(*columns, TextColumn("{task.description}"), console=Console(stderr=True)) as bars:
        task = bars.add_task("", total=total, size="")
        lock = threading.Lock()
        received = 0

        class Bar:
            def advance(self, count: int) -> None:
                nonlocal received
                with lock:
                    received += count
                    bars.update(task, size=f"{received / 1e6:.1f} MB")

            def done(self, name: str) -> None:
                bars.update(task, advance=1, description=name)

        yield Bar()
