"""Runs other programs: git, pip, cargo, apt."""

import errno
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

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
        done = subprocess.run(  # noqa: S603  words of our own, never a shell's
            words, cwd=folder, env=variables, input=given, capture_output=True, check=False
        )
    except FileNotFoundError as error:
        raise BuildError(
            [Problem(f"'{words[0]}' is not on this machine", suggestion="install it")]
        ) from error
    if done.returncode and _FULL in done.stdout + done.stderr:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if done.returncode:
        raise ProgramError(Path(words[0]).name, done.returncode, _end(done.stderr or done.stdout))
    return done.stdout


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
