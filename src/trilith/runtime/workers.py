"""One worker process, from its start to its end, as the server sees it."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from trilith.contract import LoadError, ModelSource
from trilith.runtime.channel import Channel
from trilith.runtime.handover import write_context, write_source
from trilith.runtime.hosts import Plan
from trilith.runtime.log_news import LogNews
from trilith.runtime.logs import LogOptions
from trilith.runtime.readiness import FarQuestion

if TYPE_CHECKING:
    from trilith import native

log = logging.getLogger(__name__)

WORKER_MODULE = ("-P", "-m", "trilith.runtime.worker")
"""``-P``: what lies in the folder where the server was started must not shadow modules."""

WORKER_COMMAND = (sys.executable, *WORKER_MODULE)

LAST_WORDS_SECONDS = 5.0
"""For a process whose end of the channel closed to end itself, so that its exit status is known."""

_HINTS = {
    signal.SIGKILL: "the system kills processes this way when memory runs out",
    signal.SIGSEGV: "native code of the model or its libraries crashed",
    signal.SIGABRT: "native code of the model or its libraries gave up",
    signal.SIGBUS: "shared memory may be full; look at /dev/shm",
}


@dataclass(frozen=True)
class WorkerOrder:
    """What a worker is started for."""

    source: ModelSource
    entry: str
    """Entry point of the backend, ``module:Class``."""
    log: LogOptions
    command: Sequence[str | Path] = WORKER_COMMAND
    variables: Mapping[str, str] | None = None
    """What it finds in its surroundings; ``None`` for what the server finds."""


class Worker:
    """One worker process.

    Attributes:
        is_checked: whether its model is to be asked whether it can serve, once it has loaded it.
        question: asks it.
    """

    def __init__(self, order: WorkerOrder, document: dict[str, Any] | None = None) -> None:
        """Start it; with a document, let it complete that first.

        Raises:
            LoadError: the process cannot be started.
        """
        self._title = f"model '{order.source.name}' version {order.source.version}"
        try:
            ours, theirs = socket.socketpair()
            self._news = LogNews()
            self.question = FarQuestion()
        except OSError as error:
            raise LoadError(f"{self._title}: no worker process can be started: {error}") from error
        self._channel = Channel(ours)
        self._link: native.WorkerLink | None = None
        self._is_killed = False
        self.is_checked = False
        with theirs, self._news.theirs as news, self.question.theirs as asked:
            news_descriptor, asked_descriptor = news.fileno(), asked.fileno()
            try:
                self._process = subprocess.Popen(  # noqa: S603  our own interpreter and module
                    # The model is named for people who look at the list of processes.
                    [*order.command, str(theirs.fileno()), f"{order.source.name}/{order.source.version}"],
                    pass_fds=[theirs.fileno(), news_descriptor, asked_descriptor],
                    stdin=subprocess.DEVNULL,
                    env=order.variables,
                )
            except OSError as error:
                ours.close()
                self._let_go()
                raise LoadError(f"{self._title}: no worker process can be started: {error}") from error
        self._send(
            {
                "server": os.getpid(),
                "entry": order.entry,
                "news": news_descriptor,
                "readiness": asked_descriptor,
                "log": asdict(LogNews.latest(order.log)),
                "source": write_source(order.source),
                "complete": document is not None,
                "document": document,
            }
        )

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    def completed(self) -> dict[str, Any]:
        """Wait for the completed document.

        Raises:
            LoadError: the model cannot be read, or the process ended.
        """
        document: dict[str, Any] = self._answer()["completed"]
        return document

    def load(self, plan: Plan, connect: "Callable[[int], native.WorkerLink]") -> None:
        """Let it load the model and make its instance, and wait until it has.

        Args:
            plan: what the model is to be.
            connect: gives the channel to the native core, which serves what the model asks for meanwhile.

        Raises:
            LoadError: it could not, or the process ended.
        """
        self._send({"context": write_context(plan.context), "spec": plan.spec})
        try:
            self._link = connect(self._channel.detach())
        except (OSError, RuntimeError) as error:
            self.end(LAST_WORDS_SECONDS)
            raise LoadError(
                f"{self._title}: worker process {self.pid} {self.describe_end()}: {error}"
            ) from error
        answer = self._link.loaded()
        if answer is None:
            self._raise_ended()
        self.is_checked = self._check(json.loads(answer)).get("checked", False)
        self.question.name = plan.context.placements[0].name

    @property
    def link(self) -> "native.WorkerLink":
        """The server's end of its channel, once it has loaded the model."""
        if self._link is None:
            raise LoadError(f"{self._title}: worker process {self.pid} has not loaded the model")
        return self._link

    def kill(self) -> None:
        """End it at once."""
        self._is_killed = True
        self._process.kill()
        self._process.wait()
        self._channel.close()
        self._let_go()

    def end(self, timeout: float) -> bool:
        """Wait for it to end after its channel did, and kill it after that many seconds.

        Returns:
            Whether it ended by itself.
        """
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            log.warning("%s: worker process %d did not end in time and is killed", self._title, self.pid)
            self.kill()
            return False
        self._let_go()
        return True

    def _let_go(self) -> None:
        self._news.close()
        self.question.close()

    def describe_end(self) -> str:
        """Say how it ended: exit status or signal, and what that often means."""
        status = self._process.poll()
        if status is None:
            return "is still running"
        if status >= 0:
            return f"ended with exit status {status}"
        if self._is_killed and -status == signal.SIGKILL:
            return "was ended by the server"
        try:
            number = signal.Signals(-status)
        except ValueError:
            return f"ended by signal {-status}"
        hint = f" ({_HINTS[number]})" if number in _HINTS else ""
        return f"ended by signal {number.name}{hint}"

    def _send(self, message: dict[str, Any]) -> None:
        try:
            self._channel.send(message)
        except OSError:
            self._raise_ended()

    def _answer(self) -> dict[str, Any]:
        try:
            answer = self._channel.receive()
        except (EOFError, OSError):
            self._raise_ended()
        except ValueError as error:
            self.kill()
            raise LoadError(
                f"{self._title}: worker process {self.pid} said something that is no message: {error}"
            ) from error
        return self._check(answer)

    def _check(self, answer: dict[str, Any]) -> dict[str, Any]:
        if "error" in answer:
            if answer["traceback"]:
                log.error("%s failed in its worker process:\n%s", self._title, answer["traceback"].rstrip())
            self.end(LAST_WORDS_SECONDS)
            raise LoadError(answer["error"])
        return answer

    def _raise_ended(self) -> NoReturn:
        self.end(LAST_WORDS_SECONDS)
        raise LoadError(
            f"{self._title}: worker process {self.pid} {self.describe_end()} before the model was loaded; "
            "its last output is in the log"
        )
