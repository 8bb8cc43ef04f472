"""The slow road's end: carries out what clients ask of the models' lives, and looks at the repositories.

One thread takes the commands and hands them on, so that none waits for another's slow load; the registry
keeps what is about one model in order.
"""

import logging
import threading
from enum import StrEnum
from typing import TYPE_CHECKING

from trilith.contract import ConfigurationError, ErrorCode
from trilith.repository.overrides import read_override

if TYPE_CHECKING:
    from collections.abc import Callable

    from trilith import native
    from trilith.runtime.clock import Clock
    from trilith.runtime.registry import Asker, Refusal, Registry

log = logging.getLogger(__name__)


class ControlMode(StrEnum):
    """How models come and go while the server runs, by the words of ``--model-control-mode``."""

    NONE = "none"
    """All are loaded at the start, and that is that."""
    POLL = "poll"
    """The repositories are looked at again and again."""
    EXPLICIT = "explicit"
    """Clients say so."""


class Controller:
    """Carries out the commands of clients."""

    def __init__(self, server: "native.Server", registry: "Registry", mode: ControlMode) -> None:
        """Take no commands yet."""
        self._server = server
        self._registry = registry
        self._mode = mode
        self._handlers: dict[str, Callable[[native.Command], None]] = {
            "load": self._load,
            "unload": self._unload,
            "refresh": self._refresh,
        }

    def start(self) -> None:
        """Take commands on a thread of its own, until the server ends."""
        threading.Thread(target=self.run, name="control", daemon=True).start()

    def run(self) -> None:
        """Take commands until the server ends."""
        while (command := self._server.next_command()) is not None:
            try:
                self._handlers[command.kind](command)
            except Exception as error:  # the next command must find this thread alive
                log.exception("the %s of model '%s' failed", command.kind, command.model)
                command.fail(f"{type(error).__name__}: {error}", ErrorCode.INTERNAL)

    def _load(self, command: "native.Command") -> None:
        if not self._is_allowed(command):
            return
        try:
            override = read_override(command.model, command.take_parameters())
        except ConfigurationError as error:
            command.fail(str(error), ErrorCode.INVALID_ARG)
            return
        self._registry.load(command.model, override, _answer(command), _asker(command))

    def _unload(self, command: "native.Command") -> None:
        if self._is_allowed(command):
            dependents = command.take_parameters().get("unload_dependents") is True
            self._registry.unload(
                command.model, _answer(command), dependents=dependents, asker=_asker(command)
            )

    def _refresh(self, command: "native.Command") -> None:
        self._registry.refresh(command.succeed)

    def _is_allowed(self, command: "native.Command") -> bool:
        if self._mode is ControlMode.EXPLICIT:
            return True
        command.fail(
            f"explicit model load / unload is not allowed in model control mode '{self._mode}'; "
            "start the server with --model-control-mode=explicit",
            ErrorCode.UNAVAILABLE,
        )
        return False


class Poller:
    """Looks at the repositories again and again."""

    def __init__(self, registry: "Registry", seconds: float, clock: "Clock") -> None:
        """Do nothing yet."""
        self._registry = registry
        self._seconds = seconds
        self._clock = clock
        self._stop = threading.Event()

    def start(self) -> None:
        """Look on a thread of its own."""
        threading.Thread(target=self.run, name="poller", daemon=True).start()

    def run(self) -> None:
        """Look every so many seconds, until told to stop."""
        while not self._clock.wait(self._stop, self._seconds):
            try:
                self._registry.poll()
            except Exception:  # the next look must come
                log.exception("the repositories could not be looked at")

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()


def _asker(command: "native.Command") -> "Asker | None":
    from trilith.runtime.registry import Asker  # noqa: PLC0415  as late as the registry itself

    return None if command.asker is None else Asker(*command.asker)


def _answer(command: "native.Command") -> "Callable[[Refusal | None], None]":
    def answer(refusal: "Refusal | None") -> None:
        if refusal is None:
            command.succeed()
        else:
            command.fail(refusal.message, refusal.code)

    return answer
