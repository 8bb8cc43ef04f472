"""Event loops in reserve: idle while connections are few, at work once they are many."""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.folders import describe, write_model
from support.server import ServerProcess, wait_until

LIVE = b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n"
FULL = 64
"""Connections from which on the reserve helps a regular event loop."""

ROUNDS = 20
SECONDS = 30.0

pytestmark = pytest.mark.skipif(
    len(os.sched_getaffinity(0)) < 2, reason="with one core there is one event loop and none in reserve"
)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    repository = tmp_path_factory.mktemp("models")
    write_model(repository, "echo", describe("identity"))
    return repository


@pytest.fixture
def _two_cores() -> Iterator[None]:
    """Have servers that are started count two cores: for one regular event loop and one in reserve."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:2])
    yield
    os.sched_setaffinity(0, before)


class Loop:
    """The thread of an event loop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def is_asleep(self) -> bool:
        return self._read("State").startswith("S")

    def count_pauses(self) -> int:
        """Count how often it has gone to sleep."""
        return int(self._read("voluntary_ctxt_switches"))

    def _read(self, name: str) -> str:
        lines = (self._folder / "status").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith(f"{name}:"))


def find_loops(server: ServerProcess) -> list[Loop]:
    threads = Path(f"/proc/{server.pid}/task").iterdir()
    return [Loop(folder) for folder in threads if (folder / "comm").read_text().startswith("trilith-wire")]


def count_at_work(server: ServerProcess, connections: int) -> int:
    """Count the event loops that answer requests of so many connections."""
    loops = find_loops(server)
    host, port = server.http.split(":")

    def ask_on_each() -> None:
        for connection in opened:
            connection.sendall(LIVE)
        for connection in opened:
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK")
        # Whoever has answered sleeps anew, once each round; whoever has not sleeps on.
        wait_until(lambda: all(loop.is_asleep() for loop in loops), "the event loops to sleep", SECONDS)

    with ExitStack() as stack:
        addresses = [(host, int(port))] * connections
        opened = [stack.enter_context(socket.create_connection(place, SECONDS)) for place in addresses]
        ask_on_each()
        before = [loop.count_pauses() for loop in loops]
        for _ in range(ROUNDS):
            ask_on_each()
        pauses = [loop.count_pauses() - count for loop, count in zip(loops, before, strict=True)]
    return sum(count >= ROUNDS for count in pauses)


@pytest.mark.usefixtures("_two_cores")
@pytest.mark.parametrize(
    ("flags", "loops", "connections", "at_work"),
    [
        ((), 2, 1, 1),
        ((), 2, FULL, 1),
        ((), 2, 200, 2),
        (("--http-thread-count=1",), 1, 200, 1),
    ],
)
def test_the_reserve_works_where_connections_are_many(
    repository: Path, flags: tuple[str, ...], loops: int, connections: int, at_work: int
) -> None:
    # Not asked whether it is ready: that connection could still be counted when those of the test come.
    with ServerProcess(repository, *flags, plain=False) as server:
        assert len(find_loops(server)) == loops
        assert count_at_work(server, connections) == at_work


@pytest.mark.usefixtures("_two_cores")
def test_event_loops_that_are_asked_for_all_take_connections_from_the_first_on(repository: Path) -> None:
    with ServerProcess(repository, "--http-thread-count=2", plain=False) as server:
        assert count_at_work(server, FULL + 1) == 2
