"""Bytes straight to a port, as no client would send them."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

TIMEOUT_SECONDS = 30.0

INFER = "/v2/models/simple/infer"
LIVE = b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n"
GOOD_BODY = json.dumps(
    {"inputs": [{"name": "IN", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 4]}]}
).encode()


class Answer(NamedTuple):
    """One HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes


@contextmanager
def connected(address: str) -> Iterator[socket.socket]:
    """Connect to ``host:port``."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), TIMEOUT_SECONDS) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield connection


def exchange(address: str, *parts: bytes) -> bytes:
    """Send parts, then read until the server ends the connection; what came."""
    with connected(address) as connection:
        try:
            for part in parts:
                connection.sendall(part)
            return read_to_end(connection)
        except (BrokenPipeError, ConnectionResetError):
            return b""


def read_to_end(connection: socket.socket) -> bytes:
    """Read until the server ends the connection, in whatever way."""
    received = b""
    while True:
        try:
            part = connection.recv(1 << 16)
        except ConnectionResetError:
            return received
        if not part:
            return received
        received += part


def post(
    body: bytes,
    *headers: str,
    path: str = INFER,
    length: Any = None,
    method: str = "POST",
    last: bool = False,
) -> bytes:
    """Make a request; ``length`` is announced in place of the body's own, ``last`` ends the connection."""
    lines = [f"{method} {path} HTTP/1.1", "Host: x", *headers]
    if not any(header.startswith("Transfer-Encoding") for header in headers):
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    if last:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode() + body


def ask(address: str, *parts: bytes) -> Answer:
    """Send parts and read one answer."""
    with connected(address) as connection:
        for part in parts:
            connection.sendall(part)
        return read_answer(connection.makefile("rb"))


def read_answer(stream: Any) -> Answer:
    """Read one answer from a buffered stream; status 0 where the connection ended before."""
    try:
        first = stream.readline()
        headers: dict[str, str] = {}
        while (line := stream.readline().strip()) != b"":
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", "0")))
    except ConnectionResetError:
        return Answer(0, {}, b"")
    return Answer(int(first.split()[1]) if first else 0, headers, body)
