"""What server and worker say to each other before tensors flow: JSON, each after its length."""

import contextlib
import json
import socket
import struct
from typing import Any

_LENGTH = struct.Struct(">I")

MAX_MESSAGE_BYTES = 256 << 20
"""Far above any configuration (labels of a large classifier are megabytes): more means that the bytes
are no message at all, because a model wrote into the channel's descriptor."""


class Channel:
    """One end of the socket between the server and a worker, until the native core takes it over."""

    def __init__(self, connection: socket.socket) -> None:
        """Take over a connected stream socket."""
        self._connection = connection

    def send(self, message: dict[str, Any]) -> None:
        """Send one message.

        Raises:
            OSError: the other end is gone.
        """
        body = json.dumps(message, separators=(",", ":")).encode()
        self._connection.sendall(_LENGTH.pack(len(body)) + body)

    def receive(self) -> dict[str, Any]:
        """Wait for one message; reads not a byte more.

        Raises:
            EOFError: the other end is gone.
            ValueError: what came is no message.
        """
        (length,) = _LENGTH.unpack(self._read(_LENGTH.size))
        if length > MAX_MESSAGE_BYTES:
            raise ValueError(f"a message of {length} bytes; at most {MAX_MESSAGE_BYTES} are expected")
        message: dict[str, Any] = json.loads(self._read(length))
        return message

    def detach(self) -> int:
        """Give the descriptor away; the channel is of no use afterwards."""
        return self._connection.detach()

    def close(self) -> None:
        """End it, waking whoever waits in :meth:`receive`."""
        with contextlib.suppress(OSError):  # given away, or ended by the other side already
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    def _read(self, count: int) -> bytes:
        parts: list[bytes] = []
        while count:
            try:
                part = self._connection.recv(min(count, 1 << 20))
            except ConnectionError as error:
                raise EOFError("the other end broke the channel") from error
            if not part:
                raise EOFError("the other end closed the channel")
            parts.append(part)
            count -= len(part)
        return b"".join(parts)
