"""Instances that are asked themselves whether they can serve now, in this process and in workers."""

import contextlib
import json
import queue
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from trilith.contract import CheckedInstance, Instance

PATIENCE_SECONDS = 5.0
"""For all instances of a model to answer, as long as Triton waits; probes of orchestrators come again."""

MAX_ANSWER_BYTES = 8192
"""Of one answer: the text of an error, cut short."""

MAX_REASON_CHARACTERS = 1000

_QUESTION = b"?"


class Question(Protocol):
    """Asks one instance, at most once at a time."""

    def begin(self) -> None:
        """Ask it, unless it has not answered the question before."""

    def wait(self, timeout: float) -> str | None:
        """Wait for its answer: why it cannot serve, or ``None``."""


def find_check(instance: Instance) -> Callable[[], Any] | None:
    """Return what asks an instance, where there is something to be asked."""
    return instance.check if isinstance(instance, CheckedInstance) else None


def find_reason(questions: Sequence[Question], seconds: float = PATIENCE_SECONDS) -> str | None:
    """Ask all side by side; why one of them cannot serve, or ``None``."""
    for question in questions:
        question.begin()
    end = time.monotonic() + seconds
    reasons = [question.wait(max(0.0, end - time.monotonic())) for question in questions]
    return next((reason for reason in reasons if reason), None)


class NearQuestion:
    """Asks an instance of this process, on a thread that it may hold up for as long as it likes."""

    def __init__(self, check: Callable[[], Any], name: str) -> None:
        """Ask nothing yet."""
        self._check = check
        self._name = name
        self._answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._is_open = False

    def begin(self) -> None:
        """Ask it, unless it has not answered the question before."""
        if self._is_open:
            with contextlib.suppress(queue.Empty):
                self._answers.get_nowait()
                self._is_open = False
        if not self._is_open:
            self._is_open = True
            threading.Thread(target=self._answer, name=f"{self._name}-ready", daemon=True).start()

    def wait(self, timeout: float) -> str | None:
        """Wait for its answer: why it cannot serve, or ``None``."""
        try:
            answer = self._answers.get(timeout=timeout)
        except queue.Empty:
            return _late(self._name)
        self._is_open = False
        return answer

    def _answer(self) -> None:
        self._answers.put(_run(self._check, self._name))


class FarQuestion:
    """The server's end of the line on which a worker is asked."""

    def __init__(self) -> None:
        """Open a line.

        Raises:
            OSError: there are no descriptors left.
        """
        self.name = ""
        self._ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._is_open = False

    def begin(self) -> None:
        """Ask it, unless it has not answered the question before."""
        with contextlib.suppress(OSError):  # waiting for the answer tells it
            if self._is_open:
                self._ours.settimeout(0)
                self._is_open = not self._ours.recv(MAX_ANSWER_BYTES)
            if not self._is_open:
                self._ours.settimeout(0)
                self._ours.send(_QUESTION)
                self._is_open = True

    def wait(self, timeout: float) -> str | None:
        """Wait for its answer: why it cannot serve, or ``None``."""
        try:
            self._ours.settimeout(timeout)
            answer = self._ours.recv(MAX_ANSWER_BYTES)
        except (TimeoutError, BlockingIOError):
            return _late(self.name)
        except OSError:
            answer = b""
        if not answer:
            return f"the worker process of instance '{self.name}' has ended; another one is being started"
        self._is_open = False
        reason: str | None = json.loads(answer)
        return reason

    def close(self) -> None:
        """End it."""
        self._ours.close()
        self.theirs.close()


def answer(descriptor: int, check: Callable[[], Any] | None, name: str) -> None:
    """Answer what the server asks, on a thread of its own, until the line ends."""
    line = socket.socket(fileno=descriptor)
    if check is None:
        line.close()
    else:
        threading.Thread(target=_answer, args=(line, check, name), name="readiness", daemon=True).start()


def _answer(line: socket.socket, check: Callable[[], Any], name: str) -> None:
    with line, contextlib.suppress(OSError):
        while line.recv(len(_QUESTION)):
            line.send(json.dumps(_run(check, name)).encode())


def _run(check: Callable[[], Any], name: str) -> str | None:
    try:
        verdict = check()
    except BaseException as error:  # noqa: BLE001  whatever a model raises, it is not ready
        return f"is_ready() of instance '{name}' raised {type(error).__name__}: {error}"[
            :MAX_REASON_CHARACTERS
        ]
    if verdict is True:
        return None
    if verdict is False:
        return f"is_ready() of instance '{name}' returned False"
    return (
        f"is_ready() of instance '{name}' returned an object of type {type(verdict).__name__}, expected bool"
    )


def _late(name: str) -> str:
    return f"is_ready() of instance '{name}' has not returned within {PATIENCE_SECONDS:g} s"
