"""How long each phase of a build took: on the clock, and of the processors, what was started included."""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

_LEAST = 0.05
"""What took less is not worth a word."""
MARKS = "times"
"""File of a build folder in which scripts write when each of their parts was done."""


@dataclass
class Phases:
    """Phases in their order; those of one name add up."""

    told: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Seconds on the clock and of the processors, by name."""

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Measure what happens inside."""
        clock, used = time.monotonic(), _processors()
        try:
            yield
        finally:
            self.add(name, time.monotonic() - clock, _processors() - used)

    def add(self, name: str, clock: float, used: float) -> None:
        """Add what was measured elsewhere."""
        before = self.told.get(name, (0.0, 0.0))
        self.told[name] = (before[0] + clock, before[1] + used)

    def __str__(self) -> str:
        """Render as one line."""
        shown = [
            f"{name} {clock:.1f} s ({used:.1f})"
            for name, (clock, used) in self.told.items()
            if clock >= _LEAST
        ]
        total = sum(clock for clock, _ in self.told.values())
        used = sum(used for _, used in self.told.values())
        return f"time: {', '.join([*shown, f'together {total:.1f} s ({used:.1f} of the processors)'])}"


def parts_of(file: Path) -> list[tuple[str, float, float]]:
    """Return the parts of a script: their names, seconds on the clock and of the processors.

    Each line holds the clock, the processors' time until then, and the name of what was done by then; the
    first begins.
    """
    try:
        lines = [line.split(" ", 2) for line in file.read_text(encoding="utf-8").splitlines()]
        marks = [(float(clock), float(used), name) for clock, used, name in lines]
    except (OSError, ValueError):
        return []
    return [
        (name, clock - before, used - used_before)
        for (before, used_before, _), (clock, used, name) in pairwise(marks)
    ]


def _processors() -> float:
    told = os.times()
    return told.user + told.system + told.children_user + told.children_system
