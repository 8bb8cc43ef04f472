"""Starting, watching and stopping one server."""

import http.client
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from benchmarks import processes
from benchmarks.errors import ServerError

HOST = "127.0.0.1"
# Fine enough beside the tenths of a second that are measured, coarse enough to cost no CPU.
POLL_SECONDS = 0.003
START_SECONDS = 60.0
STOP_SECONDS = 15.0
LOG_TAIL_BYTES = 2000


@dataclass(frozen=True)
class Command:
    """How to start one kind of server: the words of the command and variables to set."""

    name: str
    words: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()

    def with_repository(self, repository: Path, ports: tuple[int, int, int]) -> list[str]:
        """Give the whole command line, Triton's flag names on either side."""
        http_port, grpc_port, metrics_port = ports
        place = [str(repository)] if self.words[-1] == "serve" else [f"--model-repository={repository}"]
        return [
            *self.words,
            *place,
            f"--http-address={HOST}",
            f"--grpc-address={HOST}",
            f"--http-port={http_port}",
            f"--grpc-port={grpc_port}",
            f"--metrics-port={metrics_port}",
            *self.flags,
        ]


class Server:
    """A running server, a context manager that stops it."""

    host = HOST

    def __init__(
        self, command: Command, repository: Path, log: Path, *, shares_session: bool = False
    ) -> None:
        """Start it; `wait_until_ready` says when it can be used.

        Args:
            command: what to start.
            repository: the models to serve.
            log: where its output goes.
            shares_session: whether it belongs to the session of the load generators. Linux shares the
                processors between sessions first and between threads after that, where
                `sched_autogroup_enabled` says so.
        """
        self.name = command.name
        self.log = log
        ports = free_ports(3)
        self.http_port, self.grpc_port, self.metrics_port = ports
        self.started = time.perf_counter()
        with log.open("wb") as output:
            # By its process group its workers are found even when their parent has gone.
            self._process = subprocess.Popen(
                command.with_repository(repository, (ports[0], ports[1], ports[2])),
                env=clean_environment() | command.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0 if shares_session else None,
                start_new_session=not shares_session,
            )

    def __enter__(self) -> Self:
        """Give back the running server."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop it, whatever happened."""
        self.stop()

    def wait_until_ready(self) -> float:
        """Poll `/v2/health/ready` until it answers 200.

        Returns:
            Seconds from before the process was started.

        Raises:
            ServerError: it ended, or was not ready in time.

        """
        while time.perf_counter() - self.started < START_SECONDS:
            self.require_alive()
            if self._is_ready():
                return time.perf_counter() - self.started
            time.sleep(POLL_SECONDS)
        raise ServerError(
            f"{self.name} was not ready after {START_SECONDS:.0f} s. Its log ends with:\n{self.log_tail()}"
        )

    def require_alive(self) -> None:
        """Raise ServerError, with the end of the log, if the process has ended."""
        code = self._process.poll()
        if code is not None:
            raise ServerError(
                f"{self.name} ended with exit status {code}. Its log ends with:\n{self.log_tail()}"
            )

    def cpu_seconds(self) -> float:
        """User and system time of all its processes since the start."""
        return processes.cpu_seconds(self._process.pid)

    def resident_bytes(self) -> int:
        """Resident memory of all its processes."""
        return processes.resident_bytes(self._process.pid)

    def log_tail(self) -> str:
        """Read the last lines it has written."""
        return self.log.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace")

    def stop(self) -> None:
        """Ask it to end, and end it with its whole group if it does not."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection(self.host, self.http_port, timeout=1.0)
        try:
            connection.request("GET", "/v2/health/ready")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on, found by binding them all at once."""
    sockets = [socket.create_server((HOST, 0)) for _ in range(count)]
    ports = [int(opened.getsockname()[1]) for opened in sockets]
    for opened in sockets:
        opened.close()
    return ports


def clean_environment() -> dict[str, str]:
    """Copy this process's variables without those that point Python at the benchmarks' own packages."""
    hidden = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE"}
    return {name: value for name, value in os.environ.items() if name not in hidden}
