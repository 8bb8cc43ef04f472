"""How a build ends before its time: by Ctrl-C, by SIGTERM, or because its terminal is gone.

Each program that a build starts has a session of its own, which no signal reaches by chance: who started it
ends it, with all that it has started in turn. It is asked first, and killed where that does not help.
"""

import contextlib
import os
import signal
import subprocess
import threading
import time
import weakref
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
GRACE_SECONDS = 20.0
"""How long programs may clean up: container engines take ten seconds to stop a container."""
_KILLED_SECONDS = 5.0
"""How long one may take to go that was killed: a disk or a network may hold it."""
_POLL_SECONDS = 0.01
_NUDGE = signal.SIGURG
_NUDGES = (0.01, 0.1, 0.5)
"""Seconds from one to the next."""
_PROC = Path("/proc")


class Stopped(KeyboardInterrupt):
    """A signal told this process to stop.

    Attributes:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        """Tell which."""
        self.number = number
        super().__init__(signal.Signals(number).name)


@dataclass
class _State:
    """Programs that run, and what signals did to this process."""

    running: dict[int, tuple[str, threading.Thread]] = field(default_factory=dict)
    """Names, and who started them, by process."""
    ended: list[str] = field(default_factory=list)
    """Names of those that were ended before their time."""
    halted: weakref.WeakSet[threading.Thread] = field(default_factory=weakref.WeakSet)
    """Threads that may start no program any more."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held while a program is started and becomes known: nobody who ends programs overlooks it."""
    starting: bool = False
    """Whether the main thread is starting a program just now, which nothing may interrupt."""
    told: int = 0
    """The signal that told this process to stop."""


_state = _State()


@dataclass(frozen=True)
class _Process:
    """What the kernel says of a process."""

    parent: int
    group: int
    session: int
    started: int


@contextlib.contextmanager
def started(start: Callable[[], subprocess.Popen[bytes]]) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program, which has a session of its own; where it still runs on leaving, it is ended.

    Raises:
        KeyboardInterrupt: this thread was told to stop.
    """
    process: subprocess.Popen[bytes] | None = None
    try:
        with _undisturbed(), _state.lock:
            if threading.current_thread() in _state.halted:
                raise KeyboardInterrupt
            process = start()
            _state.running[process.pid] = _name(process), threading.current_thread()
        yield process
    finally:
        if process is not None:
            if process.poll() is None:
                end((process.pid,))
                process.wait()
                if _state.told:
                    _state.ended.append(_name(process))
            with _state.lock:
                _state.running.pop(process.pid, None)


def end(pids: Collection[int], seconds: float = GRACE_SECONDS) -> None:
    """End programs that have sessions of their own, and all that they have started.

    A second signal to this process ends the waiting.

    Args:
        pids: their processes.
        seconds: how long they may take after they were asked to.
    """
    deadline = time.monotonic() + seconds
    known, hurried = _family(pids, {}), _hurry()
    _send(known, signal.SIGTERM)
    _send(known, signal.SIGCONT)  # what is stopped does not even die
    while known := _family(pids, known):
        if hurried() or time.monotonic() > deadline:
            _send(known, signal.SIGKILL)
        if time.monotonic() > deadline + _KILLED_SECONDS:
            return
        time.sleep(_POLL_SECONDS)


def end_server(process: subprocess.Popen[bytes], seconds: float) -> None:
    """End a server: it is asked, and ends what it has started itself; then whatever is left is ended."""
    deadline, hurried = time.monotonic() + seconds, _hurry()
    if process.poll() is None:
        process.terminate()
    while process.poll() is None and time.monotonic() < deadline and not hurried():
        time.sleep(_POLL_SECONDS)
    end((process.pid,), 0.0)
    process.wait()


def halt(threads: Collection[threading.Thread]) -> None:
    """End the programs that threads have started; they start no other."""
    with _state.lock:
        _state.halted.update(threads)
        names = {pid: name for pid, (name, thread) in _state.running.items() if thread in threads}
    if names:
        end(tuple(names))
        _state.ended += names.values()


@contextlib.contextmanager
def told_by_signals() -> Iterator[None]:
    """Let signals raise `Stopped`; Ctrl-Z sends programs to sleep too.

    Raises:
        Stopped: one came. The first one raises it; another one hurries what cleans up.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _state.told = 0
    _state.ended.clear()
    before = {number: signal.getsignal(number) for number in (*SIGNALS, signal.SIGTSTP)}
    heard = [number for number, handler in before.items() if handler not in (signal.SIG_IGN, None)]
    for number in heard:
        signal.signal(number, _pause if number == signal.SIGTSTP else _stop)
    try:
        with _nudged():
            yield
    finally:
        for number in heard:
            signal.signal(number, before[number])


@contextlib.contextmanager
def _nudged() -> Iterator[None]:
    """Have the main thread handle signals at once, whatever it waits for.

    Python handles a signal between two steps of the main thread. One that comes just before a step that
    waits, or to another thread, would be handled when that step is over: what waits is interrupted, a few
    times since it may not have begun.
    """
    told, teller = os.pipe()
    os.set_blocking(teller, False)

    def watch(main: int) -> None:
        while number := os.read(told, 1):
            for seconds in _NUDGES if number[0] != _NUDGE else ():
                time.sleep(seconds)
                signal.pthread_kill(main, _NUDGE)
        os.close(told)

    before, fd = (
        signal.signal(_NUDGE, lambda *_: None),
        signal.set_wakeup_fd(teller, warn_on_full_buffer=False),
    )
    thread = threading.Thread(target=watch, args=(threading.get_ident(),), daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(fd)
        os.close(teller)
        thread.join()
        signal.signal(_NUDGE, before)


def ended_programs() -> list[str]:
    """Return the names of programs that were ended before their time, each once."""
    return list(dict.fromkeys(_state.ended))


def _hurry() -> Callable[[], bool]:
    """Return what says whether a signal came since, which hurries those who wait."""
    told = _state.told
    return lambda: _state.told < 0 or _state.told != told


def _stop(number: int, _: FrameType | None) -> None:
    if _state.told:
        _state.told = -number  # clean-up goes on, and nothing is waited for
        return
    _state.told = number
    if not _state.starting:
        raise Stopped(number)


def _pause(_number: int, _: FrameType | None) -> None:
    """Stop for a while, as a shell's Ctrl-Z asks for, and all programs too."""
    _send(_family(tuple(_state.running), {}), signal.SIGSTOP)
    os.kill(os.getpid(), signal.SIGSTOP)
    _send(_family(tuple(_state.running), {}), signal.SIGCONT)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep a signal until a program is both started and known: it would be left behind otherwise."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    told, _state.starting = _state.told, True
    try:
        yield
    finally:
        _state.starting = False
    if _state.told and not told:
        raise Stopped(abs(_state.told))


def _family(pids: Collection[int], known: dict[int, _Process]) -> dict[int, _Process]:
    """Return what lives of some sessions, of all that they have started, and of what was known."""
    living = dict(_living())
    found = {
        pid: process
        for pid, process in living.items()
        if process.session in pids or (pid in known and known[pid].started == process.started)
    }
    while more := {
        pid: process for pid, process in living.items() if process.parent in found and pid not in found
    }:
        found |= more
    return found


def _living() -> Iterator[tuple[int, _Process]]:
    for folder in _PROC.iterdir():
        if folder.name.isdecimal():
            with contextlib.suppress(OSError):  # it has just ended
                # The name stands in parentheses, and may hold some.
                words = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
                if words[0] not in "ZX":
                    parent, group, session = map(int, words[1:4])
                    yield int(folder.name), _Process(parent, group, session, int(words[19]))


def _send(family: dict[int, _Process], number: int) -> None:
    """Send a signal to each process once, by their groups: what forks meanwhile is reached too."""
    for group in {process.group for process in family.values()}:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)


def _name(process: subprocess.Popen[bytes]) -> str:
    words = process.args
    first = words if isinstance(words, str | bytes | os.PathLike) else next(iter(words))
    return Path(os.fsdecode(first)).name
