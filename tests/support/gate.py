"""Holds executions of a model until the test lets them through; no test has to guess how long.

The model of ``repositories/python/gated.py`` says which requests it was given through one pipe and waits for
leave through another.
"""

import json
import os
import select
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

TIMEOUT_SECONDS = 30.0


class Gate:
    """The test's side of a gated model."""

    def __init__(self, folder: Path) -> None:
        """Make the pipes; both ends are held open here, so that opening them waits for nobody."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._arrivals = self._open("arrivals")
        self._permits = self._open("permits")
        self._pending = b""

    def close(self) -> None:
        os.close(self._arrivals)
        os.close(self._permits)

    @property
    def parameters(self) -> Mapping[str, str]:
        """What the configuration of the model has to say."""
        return {"gate": str(self.folder)}

    def next_arrival(self) -> list[str]:
        """Wait for the next execution; the ids of its requests."""
        while b"\n" not in self._pending:
            ready, _, _ = select.select([self._arrivals], [], [], TIMEOUT_SECONDS)
            assert ready, "no execution began"
            self._pending += os.read(self._arrivals, 65536)
        line, _, self._pending = self._pending.partition(b"\n")
        ids: list[str] = json.loads(line)
        return ids

    def is_quiet(self) -> bool:
        """Whether no execution has begun since the last one that was seen."""
        ready, _, _ = select.select([self._arrivals], [], [], 0)
        return not ready and not self._pending

    def let_through(self, count: int = 1) -> None:
        """Let executions end: those that wait, and then those to come."""
        _let_through(self._permits, count)

    @contextmanager
    def hold(self, request_id: str) -> Iterator[Callable[[], None]]:
        """Hold one request until what is given here is called, whatever else is let through."""
        name = f"permits_{request_id}"
        pipe = self._open(name)
        try:
            yield partial(_let_through, pipe)
        finally:
            (self.folder / name).unlink()
            os.close(pipe)

    def _open(self, name: str) -> int:
        path = self.folder / name
        os.mkfifo(path)
        return os.open(path, os.O_RDWR)


def _let_through(pipe: int, count: int = 1) -> None:
    os.write(pipe, b"." * count)
