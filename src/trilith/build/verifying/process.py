"""Programs of a result, run as they will be: in its folder, or in an image's root after chroot."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

from trilith.build.problems import BuildError, Problem
from trilith.build.processes import run_to_end, started
from trilith.build.stopping import end_server
from trilith.build.verifying.subject import Subject

HOST = "127.0.0.1"
STOP_SECONDS = 40
"""More than a server's own exit timeout."""
LAST_LINES = 15
_LISTENING = "0A"
# Enters the root of an image: devices and processes come from this machine, everything else from the image.
_ENTER = """
root=$1
shift
for name in dev proc; do
    mkdir -p "$root/$name"
    mount --rbind "/$name" "$root/$name"
done
exec chroot "$root" "$@"
"""
_SPACES = (["--user", "--map-root-user", "--mount"], ["--mount"])


class Process:
    """A server that runs; a context manager that ends it, in good order if it does."""

    def __init__(self, subject: Subject, words: Sequence[str], environment: Mapping[str, str]) -> None:
        """Say what is started."""
        self.words = list(words)
        self._entering = _entering(subject)
        self._environment = _environment(environment)

    def __enter__(self) -> Self:
        """Start it."""
        with ExitStack() as stack:
            self._log = stack.enter_context(tempfile.TemporaryFile())
            words = [*self._entering, *self.words]
            running = started(words, environment=self._environment, output=self._log)
            self._process = stack.enter_context(running)
            stack.callback(end_server, self._process, STOP_SECONDS)
            self._running = stack.pop_all()
        return self

    def __exit__(self, *_rest: object) -> None:
        """End it."""
        self._running.close()

    @property
    def ended(self) -> int | None:
        """Exit status, if it has ended."""
        return self._process.poll()

    def last_lines(self) -> str:
        """Return the end of its log."""
        self._log.seek(0)
        return "\n".join(self._log.read().decode(errors="replace").splitlines()[-LAST_LINES:])

    def listening(self) -> set[int]:
        """Return the TCP ports that it listens on."""
        folder = Path("/proc") / str(self._process.pid)
        own = set()
        with suppress(OSError):
            for entry in (folder / "fd").iterdir():
                with suppress(OSError):
                    own.add(str(entry.readlink()))
        ports = set()
        for name in ("tcp", "tcp6"):
            with suppress(OSError):
                for line in (folder / "net" / name).read_text().splitlines()[1:]:
                    words = line.split()
                    if words[3] == _LISTENING and f"socket:[{words[9]}]" in own:
                        ports.add(int(words[1].rpartition(":")[2], 16))
        return ports


def run_in(
    subject: Subject, words: Sequence[str], environment: Mapping[str, str], seconds: float
) -> subprocess.CompletedProcess[str]:
    """Run a program of the subject's system to its end."""
    try:
        done = run_to_end(
            [*_entering(subject), *words], environment=_environment(environment), seconds=seconds
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(list(words), 126, "", str(error))
    output, errors = (text.decode(errors="replace") for text in (done.stdout, done.stderr))
    return subprocess.CompletedProcess(done.args, done.returncode, output, errors)


def interpreter_of(subject: Subject) -> str | None:
    """Return the Python that runs a result, as its system calls it."""
    minor = subject.manifest.python_version.partition(".")[2]
    names = (f"python3.{minor}", "python3")
    own = [subject.root / "bin" / name for name in names]
    if subject.image is not None:
        own += [subject.system / folder / name for folder in ("usr/local/bin", "usr/bin") for name in names]
    for place in own:
        if os.path.lexists(place):
            return subject.inside(place)
    return next(filter(None, map(shutil.which, names)), None) if subject.image is None else None


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on now."""
    sockets = [socket.create_server((HOST, 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


def reachable() -> bool:
    """Say whether programs of this machine reach each other; in a new network namespace loopback is down."""
    try:
        with socket.create_server((HOST, 0)) as server, socket.create_connection(server.getsockname(), 1):
            return True
    except OSError:
        return False


def _entering(subject: Subject) -> list[str]:
    """Return the words before a command that make the root of an image its root."""
    if subject.image is None:
        return []
    for spaces in _SPACES:
        words = ["unshare", *spaces, "sh", "-euc", _ENTER, "sh", str(subject.system)]
        with suppress(OSError):
            if run_to_end(["unshare", *spaces, "true"]).returncode == 0:
                return words
    hint = "allow user namespaces, run it as root, or verify with --static"
    raise BuildError(
        [Problem("this machine lets nobody enter the image's root", str(subject.place), suggestion=hint)]
    )


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    """Return what a program sees: nothing of this environment that could hide what is missing."""
    path = os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin")
    return {"PATH": path, "HOME": "/nonexistent", "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", **more}
