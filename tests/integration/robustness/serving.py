"""Starts a server process on a repository and watches its log."""

import http.client
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

TRILITH = Path(sys.executable).with_name("trilith")
START_SECONDS = 60.0
"""Far more than a server needs, also on a machine that is busy with other tests."""

_DOORS = re.compile(r"(HTTP|gRPC|metrics) on .*:(\d+)$")


class Server:
    """A server process, its ports and its log."""

    def __init__(self, repository: Path, *flags: str) -> None:
        """Start it; :meth:`wait_until_ready` tells when it serves."""
        doors = [f"--{name}-port=0" for name in ("http", "grpc", "metrics")]
        self.process = subprocess.Popen(
            [TRILITH, "serve", repository, "--http-address=127.0.0.1", "--grpc-address=127.0.0.1"]
            + doors
            + list(flags),
            stderr=subprocess.PIPE,
            text=True,
        )
        self._lines: list[str] = []
        self._ended = False
        self._news = threading.Condition()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        self.ports: dict[str, int] = {}

    @property
    def http(self) -> int:
        """Port of the HTTP endpoint."""
        return self.ports["HTTP"]

    @property
    def grpc(self) -> int:
        """Port of the gRPC endpoint."""
        return self.ports["gRPC"]

    @property
    def metrics(self) -> int:
        """Port of the metrics endpoint."""
        return self.ports["metrics"]

    def wait_until_ready(self) -> None:
        """Wait until all doors are open and requests are taken."""
        for door in ("HTTP", "gRPC", "metrics"):
            line = self.wait_for(rf"{door} on .*:\d+$")
            found = _DOORS.search(line)
            assert found is not None
            self.ports[door] = int(found[2])
        end = time.monotonic() + START_SECONDS
        while self.get("/v2/health/ready")[0] != 200:
            assert time.monotonic() < end, self.log()

    def wait_for(self, pattern: str, timeout: float = START_SECONDS) -> str:
        """Wait for a line of the log that matches, and return it; also one that is there already."""
        expression = re.compile(pattern)
        end = time.monotonic() + timeout
        seen = 0
        with self._news:
            while True:
                for line in self._lines[seen:]:
                    if expression.search(line):
                        return line
                seen = len(self._lines)
                left = end - time.monotonic()
                assert left > 0 and not self._ended, f"no line matches '{pattern}':\n{self.log()}"
                self._news.wait(left)

    def log(self) -> str:
        """Return what it has said so far."""
        return "\n".join(self._lines)

    def workers(self) -> list[psutil.Process]:
        """Return its worker processes."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Send one request on a connection of its own; status and body of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http, timeout=30)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def get(self, path: str) -> tuple[int, bytes]:
        """Send one request without a body."""
        return self.ask("GET", path)

    def infer(self, model: str, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Send one inference as JSON."""
        status, body = self.ask("POST", f"/v2/models/{model}/infer", json.dumps(request).encode())
        answer: dict[str, Any] = json.loads(body)
        return status, answer

    def stop(self) -> int:
        """Tell it to stop and wait until it has; the exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(30)
        finally:
            self.process.kill()
            self._watcher.join(10)

    def _watch(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._news:
                self._lines.append(line.rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()


@contextmanager
def serving(repository: Path, *flags: str) -> Iterator[Server]:
    """Serve a repository until the block ends."""
    server = Server(repository, *flags)
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.stop()
