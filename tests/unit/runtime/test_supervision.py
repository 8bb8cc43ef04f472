"""A worker that dies is started again, later each time."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.doubles import native
from tests.unit.runtime.conftest import MakeLife

from trilith.contract import LoadError
from trilith.runtime.supervision import Backoff, Supervised, Supervisor


def tensor(first: float) -> NDArray[Any]:
    return np.array([[first, 0, 0, 0]], np.float32)


class FakeClock:
    """Time that passes only in waits."""

    def __init__(self) -> None:
        self.time = 0.0
        self.waits: list[float] = []

    def now(self) -> float:
        return self.time

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self.waits.append(round(seconds, 3))
        self.time += seconds
        return event.is_set()


class FakeLink:
    """A link whose runs end as a script says: how long it lived, and what happened."""

    def __init__(self, clock: FakeClock, script: list[tuple[float, str]]) -> None:
        self._clock = clock
        self._script = script

    def run(self) -> str:
        lived, happened = self._script.pop(0)
        self._clock.time += lived
        return happened

    def close(self) -> None:
        """Nothing to close."""


class FakeWorker:
    """A worker that is nothing but a number."""

    pid = 7

    def __init__(self, link: FakeLink) -> None:
        self.link = link

    def end(self, timeout: float) -> bool:
        return timeout > 0

    def kill(self) -> None:
        """Nothing to end."""

    def describe_end(self) -> str:
        return "ended by signal SIGKILL"


def supervise(script: list[tuple[float, str]], failing_starts: int = 0) -> tuple[FakeClock, list[str]]:
    """Run a supervisor to its end; the clock it used and the reasons it gave up for."""
    clock = FakeClock()
    reasons: list[str] = []
    left = [failing_starts]

    def start() -> Any:
        if left[0]:
            left[0] -= 1
            raise LoadError("no memory")
        return FakeWorker(FakeLink(clock, script))

    supervised = Supervised("a_0_0", start, reasons.append)
    supervisor = Supervisor(supervised, FakeWorker(FakeLink(clock, script)), Backoff(attempts=4), clock)  # type: ignore[arg-type]
    supervisor._run()
    return clock, reasons


def test_deaths_in_a_row_double_the_wait_up_to_a_limit() -> None:
    clock, reasons = supervise([(0.0, "died")] * 9 + [(0.0, "")])
    assert clock.waits == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    assert reasons == []


def test_a_healthy_while_resets_the_wait() -> None:
    clock, _ = supervise([(0.0, "died"), (0.0, "died"), (31.0, "died"), (0.0, "")])
    assert clock.waits == [0.1, 0.2, 0.1]


def test_starts_that_fail_are_repeated() -> None:
    clock, reasons = supervise([(0.0, "died"), (0.0, "")], failing_starts=2)
    assert clock.waits == [0.1, 0.2, 0.4]
    assert reasons == []


def test_an_instance_is_given_up_after_starts_that_fail_in_a_row() -> None:
    _, reasons = supervise([(0.0, "died")], failing_starts=99)
    assert len(reasons) == 1
    assert "'a_0_0'" in reasons[0]
    assert "4 attempts: no memory" in reasons[0]


def test_the_wait_stays_finite_after_very_many_deaths() -> None:
    assert Backoff().delay(10_000) == 10.0


def test_a_worker_that_is_killed_fails_its_request_alone_and_comes_back(
    server: native.Server, make_life: MakeLife, caplog: pytest.LogCaptureFixture
) -> None:
    make_life(isolation="process").load()
    model = server.models["a", 1]
    killed = model.submit(IN=tensor(-9)).wait()
    assert killed.code == "UNAVAILABLE"
    assert model.submit(IN=tensor(6)).wait().outputs["OUT"].flat[0] == 6
    assert server.states["a", 1] == ("READY", "")
    assert "ended by signal SIGKILL" in caplog.text
    assert "memory runs out" in caplog.text


def test_a_model_whose_last_instance_is_given_up_is_unavailable(
    server: native.Server, make_life: MakeLife, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = Backoff(first=0.001, attempts=2)
    monkeypatch.setattr("trilith.runtime.supervision.Backoff", lambda: quick)
    told = threading.Event()
    set_state = server.set_state

    def watch(name: str, version: int | None, state: str, reason: str) -> None:
        set_state(name, version, state, reason)
        if state == "UNAVAILABLE":
            told.set()

    monkeypatch.setattr(server, "set_state", watch)
    life = make_life(isolation="process")
    life.load()
    Path(life.folder.directory / "1" / "die-at-load").touch()
    server.models["a", 1].submit(IN=tensor(-9)).wait()
    assert told.wait(20)
    assert "could not be started again in 2 attempts" in server.states["a", 1][1]
