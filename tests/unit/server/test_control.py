"""What clients and changed repositories ask of a server while it runs."""

import threading
from typing import Any

import pytest
from tests.doubles import native

from trilith.contract import ErrorCode
from trilith.repository.overrides import Override
from trilith.runtime.registry import Refusal
from trilith.server.control import Controller, ControlMode, Poller


class RegistryDouble:
    """Remembers what it was asked for."""

    def __init__(self, refusal: Refusal | None = None) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.refusal = refusal

    def load(self, name: str, override: Override, done: Any, asker: Any) -> None:
        assert asker is None
        if name == "crash":
            raise ZeroDivisionError
        self.asked.append(("load", name, override))
        done(self.refusal)

    def unload(self, name: str, done: Any, *, dependents: bool = False, asker: Any) -> None:
        assert asker is None
        self.asked.append(("unload", name, dependents))
        done(self.refusal)

    def refresh(self, done: Any) -> None:
        self.asked.append(("refresh",))
        done()

    def poll(self) -> None:
        self.asked.append(("poll",))
        if len(self.asked) == 2:
            raise OSError("away")


def carry_out(
    *commands: native.Command, mode: ControlMode = ControlMode.EXPLICIT, refusal: Refusal | None = None
) -> RegistryDouble:
    server, registry = native.Server("{}"), RegistryDouble(refusal)
    for command in (*commands, None):
        server.commands.put(command)
    Controller(server, registry, mode).run()  # type: ignore[arg-type]
    return registry


def test_commands_reach_the_registry_and_their_ends_the_clients() -> None:
    load = native.Command("load", "m", config="{}", **{"file:1/x": b"1"})
    unload = native.Command("unload", "m", unload_dependents=True)
    refresh = native.Command("refresh")
    registry = carry_out(load, unload, refresh)
    override = Override("{}", {"1/x": b"1"})
    assert registry.asked == [("load", "m", override), ("unload", "m", True), ("refresh",)]
    assert [command.wait() for command in (load, unload, refresh)] == [None, None, None]


def test_a_refusal_reaches_the_client_with_its_code() -> None:
    load = native.Command("load", "m")
    carry_out(load, refusal=Refusal("no", ErrorCode.INVALID_ARG))
    assert load.wait() == ("no", "INVALID_ARG")


def test_parameters_that_cannot_be_are_refused_before_anything_is_done() -> None:
    load = native.Command("load", "m", **{"file:../x": b""})
    registry = carry_out(load)
    error = load.wait()
    assert error is not None
    assert error[1] == "INVALID_ARG"
    assert registry.asked == []


@pytest.mark.parametrize("mode", [ControlMode.NONE, ControlMode.POLL])
def test_other_modes_refuse_all_but_the_index(mode: ControlMode) -> None:
    load, unload, refresh = (native.Command(kind, "m") for kind in ("load", "unload", "refresh"))
    registry = carry_out(load, unload, refresh, mode=mode)
    for command in (load, unload):
        error = command.wait()
        assert error is not None
        assert error[1] == "UNAVAILABLE"
        assert f"in model control mode '{mode}'" in error[0]
    assert registry.asked == [("refresh",)]


def test_a_command_that_crashes_is_answered_and_the_next_is_carried_out() -> None:
    crash, load = native.Command("load", "crash"), native.Command("load", "m")
    carry_out(crash, load)
    assert crash.wait() == ("ZeroDivisionError: ", "INTERNAL")
    assert load.wait() is None


class ClockDouble:
    """Lets a number of waits pass, and remembers how long they were to be."""

    def __init__(self, turns: int) -> None:
        self.turns = turns
        self.waits: list[float] = []

    def now(self) -> float:
        return 0.0

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self.waits.append(seconds)
        self.turns -= 1
        return event.is_set() or self.turns < 0


def test_the_repositories_are_looked_at_again_and_again_whatever_happens() -> None:
    registry, clock = RegistryDouble(), ClockDouble(3)
    Poller(registry, 15.0, clock).run()  # type: ignore[arg-type]
    assert registry.asked == [("poll",)] * 3
    assert clock.waits == [15.0] * 4


def test_nobody_looks_any_more_once_told_to_stop() -> None:
    registry = RegistryDouble()
    poller = Poller(registry, 15.0, ClockDouble(3))  # type: ignore[arg-type]
    poller.stop()
    poller.run()
    assert registry.asked == []
