"""Runs other programs: git, pip, cargo, apt, the scripts of a build.

All of them are started here. None has a terminal, or is asked anything; none outlives who started it.
"""

import contextlib
import errno
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from trilith.build import stopping
from trilith.build.problems import BuildError, Problem
from trilith.build.secrets import redact

_SHOWN_LINES = 12
_FULL = os.strerror(errno.ENOSPC).encode()
_RETRYING = "WARNING: Retrying"
"""What pip says each time that nobody answers; once is enough."""


class ProgramError(Exception):
    """A program did not do what it was asked for.

    Attributes:
        shown: the end of what it said, without credentials.
    """

    def __init__(self, command: str, status: int, shown: str) -> None:
        """Tell which program, and how it ended."""
        self.shown = shown
        super().__init__(f"{command} ended with status {status}: {shown}")


def run(
    words: Sequence[str],
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    given: bytes = b"",
) -> bytes:
    """Run a program and return what it wrote.

    Args:
        words: the program and its arguments.
        folder: where it runs.
        environment: added to this process's.
        given: what it reads.

    Raises:
        ProgramError: it ended with another status than 0.
        OSError: it says that a disk is full.
        BuildError: it is not there.
    """
    variables = {**os.environ, **(environment or {})}
    try:
        done = run_to_end(words, folder=folder, environment=variables, given=given)
    except FileNotFoundError as error:
        raise BuildError(
            [Problem(f"'{words[0]}' is not on this machine", suggestion="install it")]
        ) from error
    if done.returncode and _FULL in done.stdout + done.stderr:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if done.returncode:
        raise ProgramError(Path(words[0]).name, done.returncode, _end(done.stderr or done.stdout))
    return done.stdout


def run_to_end(
    words: Sequence[str],
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    given: bytes = b"",
    seconds: float | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run a program, whatever its status, and return what it wrote.

    Args:
        words: the program and its arguments.
        folder: where it runs.
        environment: all of it; this process's if there is none.
        given: what it reads.
        seconds: how long it may take.

    Raises:
        OSError: it cannot be started.
        subprocess.TimeoutExpired: it took longer, and was ended.
    """
    pipe = subprocess.PIPE
    with started(words, folder=folder, environment=environment, output=pipe, reads=pipe) as process:
        output, errors = process.communicate(given, seconds)
    return subprocess.CompletedProcess(words, process.returncode, output, errors)


def show(
    words: Sequence[str],
    *,
    folder: Path | None = None,
    environment: Mapping[str, str],
    log: IO[bytes] | None = None,
) -> int:
    """Run a program whose output is shown, or goes to a log; its exit status."""
    with started(words, folder=folder, environment=environment, output=log) as process:
        return process.wait()


@contextlib.contextmanager
def started(
    words: Sequence[str],
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    output: int | IO[bytes] | None = None,
    reads: int = subprocess.DEVNULL,
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program; on leaving it has ended, and all that it had started with it.

    Args:
        words: the program and its arguments.
        folder: where it runs.
        environment: all of it; this process's if there is none.
        output: where it writes, errors too; errors have a pipe of their own where it is one.
        reads: what it reads: nothing, or a pipe.

    Raises:
        OSError: it cannot be started.
    """

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603  words of our own, never a shell's
            words,
            stdin=reads,
            stdout=output,
            stderr=output if output in (None, subprocess.PIPE) else subprocess.STDOUT,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )

    with stopping.started(start) as process:
        try:
            yield process
        finally:
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe:
                    with contextlib.suppress(OSError):
                        pipe.close()


def version_of(words: Sequence[str]) -> str:
    """Return the first line that a program says of its version; empty where it is not there."""
    try:
        return run(words).decode(errors="replace").partition("\n")[0].strip()
    except (ProgramError, BuildError):
        return ""


def _end(output: bytes) -> str:
    lines = [line.strip() for line in output.decode(errors="replace").splitlines() if line.strip()]
    if any(line.startswith("Traceback ") for line in lines):
        lines = lines[-1:]  # where a program broke is its own matter; the last line says why
    tried = [line for line in lines if line.startswith(_RETRYING)]
    lines = tried[-1:] + [line for line in lines if not line.startswith(_RETRYING)]
    return redact("; ".join(lines[-_SHOWN_LINES:]))
