"""A server process under test: started on free ports, watched through its log, stopped by signal."""

import http.client
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Self

HOST = "127.0.0.1"
START_SECONDS = 60.0
STOP_SECONDS = 40.0
"""More than the server's own exit timeout, so that a test sees what the server made of it."""

LAST_LINES_SECONDS = 1.0
"""For the end of the log; a worker process that hangs outlives its server for a while and holds it open."""

POLL_SECONDS = 0.005
"""Between two looks at something that announces itself nowhere."""

_COMMANDS = Path(sys.executable).parent
_PORT = re.compile(r"\b(HTTP|gRPC|metrics) on \S+?:(\d+)\b")
_COMPLAINT = re.compile(r"^[WE]\d{4} |Traceback|panicked", re.ASCII)


class ServerProcess:
    """One server; a context manager that stops it and looks at what it left."""

    def __init__(
        self,
        *arguments: str | Path,
        command: Sequence[str] = ("trilith", "serve"),
        ready: bool = True,
        plain: bool = True,
        tolerates: str = "",
        status: int = 0,
    ) -> None:
        """Start it.

        Args:
            arguments: repositories and flags.
            command: what to start.
            ready: whether to wait for readiness, or for liveness only.
            plain: whether HTTP is on a port and without TLS, so that it can be asked.
            tolerates: a pattern of warnings and errors that its log may hold.
            status: the exit status that it must end with.
        """
        self.lines: list[str] = []
        self._status = status
        self._plain = plain
        self._last_line = "HTTP on " if "--allow-metrics=false" in arguments else "metrics on "
        self._tolerated = re.compile(tolerates) if tolerates else None
        self._path = "/v2/health/ready" if ready else "/v2/health/live"
        self._news = threading.Condition()
        places = ("--http-port=0", "--grpc-port=0", "--metrics-port=0")
        addresses = (f"--http-address={HOST}", f"--grpc-address={HOST}", f"--metrics-address={HOST}")
        # What a test says of them comes later and holds.
        words = [*command[1:], *places, *addresses, *arguments]
        self._process = subprocess.Popen(
            [_COMMANDS / command[0], *words],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        """Wait until it can be used."""
        try:
            self.wait_for_log(self._last_line)
            if self._plain:
                wait_until(self._answers, f"the server to answer {self._path} with 200")
        except BaseException:
            self._process.kill()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        """End it, in good order where the test went well, and check exit status and log."""
        if self._process.poll() is None:
            self.terminate()
        try:
            status = self.wait()
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        if kind is None:
            assert status == self._status, self.log
            assert self.complaints() == [], self.log

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> str:
        return "\n".join(self.lines)

    @property
    def http(self) -> str:
        return self._url("HTTP")

    @property
    def grpc(self) -> str:
        return self._url("gRPC")

    @property
    def metrics(self) -> str:
        return self._url("metrics")

    def terminate(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """Wait for its end; the exit status."""
        status = self._process.wait(STOP_SECONDS)
        self._reader.join(LAST_LINES_SECONDS)
        return status

    def complaints(self) -> list[str]:
        """Warnings, errors and worse in its log, but for those that are tolerated, with their tracebacks."""
        found = []
        for before, line in pairwise(["", *self.lines]):
            wanted = self._tolerated and self._tolerated.search(f"{before}\n" * ("Traceback" in line) + line)
            if _COMPLAINT.search(line) and not wanted:
                found.append(line)
        return found

    def wait_for_log(self, part: str, timeout: float = START_SECONDS) -> str:
        """Wait for a line of its log that holds ``part``."""
        with self._news:
            assert self._news.wait_for(lambda: self._find(part) or self._ended(), timeout), self.log
            assert self._find(part), f"no line holds '{part}':\n{self.log}"
            return self._find(part)

    def get(self, path: str, *, door: str = "HTTP") -> tuple[int, bytes]:
        """Send a GET request; status and body of the answer."""
        return self.request("GET", path, door=door)

    def request(
        self, method: str, path: str, body: bytes | None = None, *, door: str = "HTTP", **headers: str
    ) -> tuple[int, bytes]:
        """Send a request; status and body of the answer. Underscores in names of headers become dashes."""
        connection = http.client.HTTPConnection(self._url(door), timeout=START_SECONDS)
        try:
            connection.request(
                method, path, body, {key.replace("_", "-"): value for key, value in headers.items()}
            )
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def _url(self, door: str) -> str:
        for line in self.lines:
            match = _PORT.search(line)
            if match and match[1] == door:
                return f"{HOST}:{match[2]}"
        raise AssertionError(f"the server does not say where {door} listens:\n{self.log}")

    def _answers(self) -> bool:
        assert self._process.poll() is None, self.log
        try:
            return self.get(self._path)[0] == http.HTTPStatus.OK
        except OSError:
            return False

    def _find(self, part: str) -> str:
        return next((line for line in self.lines if part in line), "")

    def _ended(self) -> bool:
        return self._process.poll() is not None and not self._reader.is_alive()

    def _read(self) -> None:
        assert self._process.stderr
        for line in self._process.stderr:
            with self._news:
                self.lines.append(line.rstrip("\n"))
                self._news.notify_all()
        self._process.wait()
        with self._news:
            self._news.notify_all()


def run_to_end(*arguments: str | Path, command: Sequence[str] = ("trilith", "serve")) -> tuple[int, str]:
    """Run a server that is expected to end by itself; its exit status and log."""
    ports = ("--http-port=0", "--grpc-port=0", "--metrics-port=0")
    finished = subprocess.run(
        [_COMMANDS / command[0], *command[1:], *ports, *arguments],
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )
    return finished.returncode, finished.stdout + finished.stderr


def wait_until(probe: Callable[[], object], what: str, timeout: float = START_SECONDS) -> None:
    """Look again and again until ``probe`` says yes.

    Raises:
        AssertionError: it did not within ``timeout`` seconds.
    """
    pause = threading.Event()
    for _ in range(int(timeout / POLL_SECONDS)):
        if probe():
            return
        pause.wait(POLL_SECONDS)
    raise AssertionError(f"waited {timeout} s for {what}")
