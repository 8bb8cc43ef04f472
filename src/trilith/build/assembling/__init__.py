"""From a lock and a store to a result: nothing else is needed, and no network.

- `trilith.build.assembling.offline`, `seeding`: everything laid out where the tools of a build look
- `trilith.build.assembling.context`, `containers`: the same beside Dockerfiles, and a build in containers
- `trilith.build.assembling.running`, `proof`: scripts, and the build without a network
- `trilith.build.assembling.finishing`: what the result says of itself
"""

import platform
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

from trilith.build.assembling.containers import assemble_in_containers
from trilith.build.assembling.finishing import finish
from trilith.build.assembling.offline import Offline, lay_out
from trilith.build.assembling.rooms import refuse_foreign
from trilith.build.assembling.running import alone, run_script
from trilith.build.bundling import check_machine
from trilith.build.files import emit, inner_script, write
from trilith.build.locking.model import Lock
from trilith.build.locking.text import digest_of
from trilith.build.locking.wheels import this_interpreter
from trilith.build.mirrors import Mirrors
from trilith.build.model import Plan
from trilith.build.phases import Phases
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
    dryrun: bool = False
    """Whether everything is laid out and written, and nothing is built."""
    phases: Phases = field(default_factory=Phases)


def assemble(plan: Plan, lock: Lock, store: Store, how: How | None = None) -> Path:
    """Build what was planned from what was locked.

    Returns:
        the folder of the result; where nothing is built, the folder of the files.

    Raises:
        BuildError: lock and plan do not go together, something is missing or changed, or the build failed.
    """
    how = how or How()
    _go_together(plan, lock)
    refuse_foreign(plan)
    # Whatever the build fetches is in the store: mirrors are no matter of this build any more.
    plan = replace(plan, lock=digest_of(lock), mirrors=Mirrors())
    folder = Path(plan.folders.output).absolute()
    with alone(folder):
        if plan.containers:
            return assemble_in_containers(plan, lock, store, how)
        return _assemble_here(plan, lock, store, how)


def _assemble_here(plan: Plan, lock: Lock, store: Store, how: How) -> Path:
    folder = Path(plan.folders.build).absolute()
    root = Path(plan.folders.install).absolute()
    with how.phases("lay out"):
        place = lay_out(lock, store, folder / SCRATCH)
        write(emit(plan), folder)
        environment = {
            **place.environment,
            **_folders(plan, place),
            "BUILD_DIR": str(folder),
            "INSTALL_DIR": str(root),
        }
    if how.dryrun:
        return folder
    run_script([str(folder / inner_script(plan))], environment, folder, how)
    with how.phases("manifest"):
        finish(plan, lock, root)
    return root


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
    if plan.catalogue.head.builder == "wheel" and not plan.containers and wanted != this_interpreter():
        problems.append(
            Problem(
                f"is locked for Python {wanted}, and this is {platform.python_version()}",
                suggestion=f"run it with Python {wanted}, or lock with this one",
            )
        )
    if problems:
        raise BuildError(problems)
