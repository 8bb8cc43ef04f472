"""Signals that end the server, taken by a thread of their own.

Python runs signal handlers between two steps of the main thread only; one that waits in a lock or in native
code may not take one for long. The interpreter itself passes each signal on at once through a pipe.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def watch_signals(on_first: Callable[[str], None], on_second: Callable[[], None]) -> Iterator[None]:
    """Call ``on_first`` with the name of the first signal to end, ``on_second`` with the one after it.

    Both are called on the watching thread.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    previous = {number: signal.signal(number, _pass_on) for number in SIGNALS}
    previous_descriptor = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    watcher = threading.Thread(target=_watch, args=(reader, on_first, on_second), name="signals", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(previous_descriptor)
        for number, handler in previous.items():
            signal.signal(number, handler)
        os.close(writer)
        watcher.join()
        os.close(reader)


def _pass_on(number: int, frame: FrameType | None) -> None:
    """Do nothing here: the pipe has it already."""


def _watch(reader: int, on_first: Callable[[str], None], on_second: Callable[[], None]) -> None:
    seen = False
    while received := os.read(reader, 64):
        for number in received:
            if number not in SIGNALS:
                continue
            if seen:
                on_second()
            else:
                seen = True
                on_first(signal.Signals(number).name)
