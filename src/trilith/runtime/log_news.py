"""How worker processes learn that the log is to be written in another way while they run."""

import contextlib
import json
import socket
import threading
import weakref
from dataclasses import asdict
from typing import ClassVar

from trilith.runtime.logs import LogOptions, change

MAX_NEWS_BYTES = 4096
"""Of one message: a few flags and the name of a format."""


class LogNews:
    """The server's end of the line to one worker."""

    _lines: ClassVar["weakref.WeakSet[LogNews]"] = weakref.WeakSet()
    _latest: ClassVar[LogOptions | None] = None

    def __init__(self) -> None:
        """Open a line.

        Raises:
            OSError: there are no descriptors left.
        """
        self._ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ours.settimeout(0)
        LogNews._lines.add(self)

    @classmethod
    def latest(cls, options: LogOptions) -> LogOptions:
        """Return what holds now where ``options`` held at the start."""
        return options if cls._latest is None else cls._latest

    @classmethod
    def announce(cls, options: LogOptions) -> None:
        """Log in another way from now on, here and in every worker."""
        change(options)
        cls._latest = options
        message = json.dumps(asdict(options)).encode()
        for line in list(cls._lines):
            # A worker that is gone, or hangs since many changes, has nobody left to tell.
            with contextlib.suppress(OSError):
                line._ours.send(message)  # noqa: SLF001  its own class

    def close(self) -> None:
        """End it."""
        self._ours.close()
        self.theirs.close()


def listen(descriptor: int) -> None:
    """Follow what the server says, on a thread of its own, until it ends."""
    line = socket.socket(fileno=descriptor)
    threading.Thread(target=_follow, args=(line,), name="log-news", daemon=True).start()


def _follow(line: socket.socket) -> None:
    with line, contextlib.suppress(OSError):
        while message := line.recv(MAX_NEWS_BYTES):
            change(LogOptions(**json.loads(message)))
