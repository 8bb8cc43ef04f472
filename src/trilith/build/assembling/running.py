"""Runs the scripts of a build: one at a time in a folder, and without a network where that is asked for."""

import contextlib
import fcntl
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from trilith.build.assembling.proof import refuse_connections, run_cut, run_plain, ways
from trilith.build.phases import MARKS, Phases, parts_of
from trilith.build.problems import BuildError, Problem


class Running(Protocol):
    """How a script is run."""

    @property
    def prove(self) -> bool:
        """Whether it is kept from networks, and watched."""

    @property
    def quiet(self) -> bool:
        """Whether what it says is kept for when it fails."""

    @property
    def phases(self) -> Phases:
        """Where its time is told."""


def run_script(words: Sequence[str], environment: Mapping[str, str], folder: Path, how: Running) -> None:
    """Run a script; the time of each of its parts is added to the phases.

    Raises:
        BuildError: it failed, or it asked for a network where it must not.
    """
    marks, proof = folder / MARKS, None
    marks.unlink(missing_ok=True)
    spent = Phases()
    with spent("build"):
        if how.prove:
            status, proof = run_cut(words, ways(), environment, folder, quiet=how.quiet)
        else:
            status = run_plain(words, environment, folder, quiet=how.quiet)
    _tell(how.phases, spent.told["build"], marks)
    if proof:
        sys.stderr.write(f"{proof}\n")
        refuse_connections(proof)
    if status:
        shown = f"; the end of {folder / 'build.log'}:\n{_tail(folder / 'build.log')}" if how.quiet else ""
        raise BuildError(
            [
                Problem(
                    f"{' '.join(words)} ended with status {status}{shown}",
                    suggestion="run it again when the reason is gone: what is done is kept",
                )
            ]
        )


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Let one build at a time use a folder.

    Raises:
        BuildError: another one does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".claim").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BuildError(
                [
                    Problem(
                        f"another build uses {folder}", suggestion="wait for it, or name another --build-dir"
                    )
                ]
            ) from error
        yield


def _tell(phases: Phases, spent: tuple[float, float], marks: Path) -> None:
    clock, used = spent
    for name, part, part_used in parts_of(marks):
        phases.add(name, part, part_used)
        clock, used = clock - part, used - part_used
    phases.add("scripts", max(clock, 0.0), max(used, 0.0))


def _tail(path: Path, lines: int = 20) -> str:
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
