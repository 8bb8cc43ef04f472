"""From a lock and a store to a result: nothing else is needed, and no network.

- `trilith.build.assembling.offline`, `seeding`: everything laid out where the tools of a build look
- `trilith.build.assembling.proof`: the build without a network
- `trilith.build.assembling.finishing`: what the result says of itself
"""

import contextlib
import fcntl
import platform
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from trilith.build.assembling.finishing import finish
from trilith.build.assembling.offline import Offline, lay_out
from trilith.build.assembling.proof import refuse_connections, run_cut, run_plain, ways
from trilith.build.assembling.rooms import refuse_foreign
from trilith.build.bundling import check_machine
from trilith.build.files import emit, inner_script, write
from trilith.build.locking.model import Lock
from trilith.build.locking.text import digest_of
from trilith.build.locking.wheels import this_interpreter
from trilith.build.mirrors import Mirrors
from trilith.build.model import Plan
from trilith.build.problems import BuildError, Problem
from trilith.build.store import Store
from trilith.build.unpacking import unpack_wheel_tools

__all__ = ["How", "assemble"]

SCRATCH = "offline"
"""Folder below the build folder where everything is laid out."""


@dataclass(frozen=True)
class How:
    """How a build is run."""

    prove: bool = False
    quiet: bool = False


def assemble(plan: Plan, lock: Lock, store: Store, how: How | None = None) -> Path:
    """Build what was planned from what was locked.

    Returns:
        the folder of the result.

    Raises:
        BuildError: lock and plan do not go together, something is missing or changed, or the build failed.
    """
    how = how or How()
    _go_together(plan, lock)
    refuse_foreign(plan)
    # Whatever the build fetches is in the store: mirrors are no matter of this build any more.
    plan = replace(plan, lock=digest_of(lock), mirrors=Mirrors())
    folder = Path(plan.folders.build).absolute()
    root = Path(plan.folders.install).absolute()
    with _alone(folder):
        place = lay_out(lock, store, folder / SCRATCH)
        write(emit(plan), folder)
        environment = {
            **place.environment,
            **_folders(plan, place),
            "BUILD_DIR": str(folder),
            "INSTALL_DIR": str(root),
        }
        _run(folder / inner_script(plan), environment, folder, how)
        finish(plan, lock, root)
    return root


def _run(script: Path, environment: Mapping[str, str], folder: Path, how: How) -> None:
    words = [str(script)]
    if how.prove:
        status, proof = run_cut(words, ways(), environment, folder, quiet=how.quiet)
        sys.stderr.write(f"{proof}\n")
        refuse_connections(proof)
    else:
        status = run_plain(words, environment, folder, quiet=how.quiet)
    if status:
        shown = f"; the end of {folder / 'build.log'}:\n{_tail(folder / 'build.log')}" if how.quiet else ""
        raise BuildError(
            [
                Problem(
                    f"{script} ended with status {status}{shown}",
                    suggestion="run it again when the reason is gone: what is done is kept",
                )
            ]
        )


def _folders(plan: Plan, place: Offline) -> dict[str, str]:
    """Return what the script of a catalogue is told besides."""
    if plan.catalogue.head.builder != "wheel":
        return {}
    tools = place.folder / "tools"
    unpack_wheel_tools(place.tools, tools)
    return {
        "SOURCE_DIR": str(place.source.absolute()),
        "PYTHON": sys.executable,
        "WHEELS": str(place.wheels.absolute()),
        "TOOLS": str(tools.absolute()),
    }


def _go_together(plan: Plan, lock: Lock) -> None:
    problems = []
    if plan.digest != lock.plan:
        problems.append(
            Problem(
                "the lock is for another plan: selection, catalogue or version of this builder differ",
                suggestion="lock again with trilith build lock",
            )
        )
    check_machine(lock)
    wanted = lock.target.get("interpreter", "")
    if plan.catalogue.head.builder == "wheel" and wanted != this_interpreter():
        problems.append(
            Problem(
                f"is locked for Python {wanted}, and this is {platform.python_version()}",
                suggestion=f"run it with Python {wanted}, or lock with this one",
            )
        )
    if plan.containers:
        problems.append(
            Problem("a build in containers takes no bundle", suggestion="add --no-container-build")
        )
    if problems:
        raise BuildError(problems)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one build at a time use a folder."""
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


def _tail(path: Path, lines: int = 20) -> str:
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
