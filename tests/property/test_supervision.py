"""The life of a supervised worker, held against a model of it that is nothing but arithmetic."""

import threading
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from trilith.contract import LoadError
from trilith.runtime.supervision import Backoff, Supervised, Supervisor

BACKOFF = Backoff(first=0.1, limit=3.0, healthy=30.0, attempts=4)


@dataclass(frozen=True)
class Death:
    """A worker that lived so long, and how many starts fail after it."""

    lived: float
    failures: int


@dataclass
class World:
    """What happened: waits, starts, killed workers, and why the instance was given up."""

    script: list[Death]
    closes_at: int
    """The wait during which the model ends; more than there are for never."""
    time: float = 0.0
    waits: list[float] = field(default_factory=list)
    starts: int = 0
    failures_left: int = 0
    reasons: list[str] = field(default_factory=list)

    # The clock.
    def now(self) -> float:
        return self.time

    def wait(self, event: threading.Event, seconds: float) -> bool:
        if len(self.waits) == self.closes_at:
            event.set()
        self.waits.append(round(seconds, 6))
        self.time += seconds
        return event.is_set()

    # The worker.
    pid = 7

    @property
    def link(self) -> "World":
        return self

    def end(self, timeout: float) -> bool:
        return timeout > 0

    def kill(self) -> None:
        raise AssertionError("a worker is killed only where the model ends while it starts")

    def describe_end(self) -> str:
        return "ended"

    # The link: runs until the worker dies; once the script is over, until the model ends.
    def run(self) -> str:
        if not self.script:
            return ""
        death = self.script.pop(0)
        self.time += death.lived
        self.failures_left = death.failures
        return "died"

    def close(self) -> None:
        """Nothing to close."""

    def start(self) -> "World":
        if self.failures_left:
            self.failures_left -= 1
            raise LoadError("no memory")
        self.starts += 1
        return self


def expect(script: list[Death], closes_at: int) -> tuple[list[float], int, bool]:
    """Say what must happen: waits, starts that worked, whether the instance is given up."""
    waits: list[float] = []
    starts = deaths = 0
    for death in script:
        deaths = 1 if death.lived >= BACKOFF.healthy else deaths + 1
        tries = min(death.failures + 1, BACKOFF.attempts)
        # One wait before the first try, one more after each failed try but the last that there may be.
        for repetition in range(tries):
            waits.append(round(min(BACKOFF.limit, BACKOFF.first * 2 ** (deaths + repetition - 1)), 6))
            if len(waits) - 1 == closes_at:
                return waits, starts, False
        if death.failures >= BACKOFF.attempts:
            return waits, starts, True
        starts += 1
    return waits, starts, False


DEATHS = st.lists(
    st.builds(Death, st.sampled_from([0.0, 1.0, 29.0, 31.0, 500.0]), st.integers(0, BACKOFF.attempts + 1)),
    max_size=12,
)


@given(DEATHS, st.integers(0, 30))
@settings(deadline=None)
def test_waits_starts_and_the_end_are_those_of_the_model(script: list[Death], closes_at: int) -> None:
    """Every death is followed by waits that double up to a limit, and by one start or the end of trying."""
    world = World(list(script), closes_at)
    supervised = Supervised("a_0_0", world.start, world.reasons.append)  # type: ignore[arg-type]
    Supervisor(supervised, world, BACKOFF, world)._run()  # type: ignore[arg-type]
    waits, starts, is_given_up = expect(script, closes_at)
    assert world.waits == waits
    assert world.starts == starts
    assert len(world.reasons) == int(is_given_up)
    assert all(BACKOFF.first <= wait <= BACKOFF.limit for wait in world.waits)
