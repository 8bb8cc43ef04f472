"""A build in containers from what lies beside its Dockerfiles."""

import os
import shutil
from pathlib import Path
from typing import Protocol

from trilith.build.assembling.context import lay_out_context
from trilith.build.assembling.finishing import finish
from trilith.build.assembling.running import Running, run_script
from trilith.build.files import OUTER, emit, write
from trilith.build.locking.model import Lock
from trilith.build.model import Plan
from trilith.build.problems import BuildError, Problem
from trilith.build.store import Store

ENGINES = ("docker", "podman", "buildah")
RESULT = "install"
"""Folder that ``docker_build`` copies the result into."""
_WATCHED = ("buildah",)
"""Engines that do all their work in the process that is watched: others leave it to one that runs already."""


class RunningInContainers(Running, Protocol):
    """How a build in containers is run."""

    @property
    def dryrun(self) -> bool:
        """Whether everything is laid out and written, and nothing is built."""


def assemble_in_containers(plan: Plan, lock: Lock, store: Store, how: RunningInContainers) -> Path:
    """Build in containers, and put the images together.

    Returns:
        the folder of the result, which the image holds too; where nothing is built, that of the files.

    Raises:
        BuildError: something is missing or changed, there is no engine, or the build failed.
    """
    folder = Path(plan.folders.output).absolute()
    engine = "" if how.dryrun else engine_of(prove=how.prove)
    with how.phases("lay out"):
        bundled = lay_out_context(plan, lock, store, folder)
        write(emit(plan, bundled), folder)
    if how.dryrun:
        return folder
    script, environment = str(folder / OUTER), {"ENGINE": engine}
    run_script([script, "build"], environment, folder, how)
    with how.phases("manifest"):
        finish(plan, lock, folder / RESULT)
    run_script([script, "image"], environment, folder, how)
    return folder / RESULT


def engine_of(*, prove: bool = False) -> str:
    """Return the container engine of this machine.

    Raises:
        BuildError: there is none, or none whose connections can be counted.
    """
    named = os.environ.get("ENGINE", "")
    found = [named] if named else [name for name in (_WATCHED if prove else ENGINES) if shutil.which(name)]
    if not found or not shutil.which(found[0]):
        hint = f"install one of {', '.join(ENGINES)}, name one in ENGINE, or write the files with --dryrun"
        raise BuildError([Problem("there is no container engine on this machine", suggestion=hint)])
    if prove and Path(found[0]).name not in _WATCHED:
        hint = f"name {' or '.join(_WATCHED)} in ENGINE; without --prove, containers have no network either"
        message = f"what {found[0]} does cannot be watched: processes that run already do it"
        raise BuildError([Problem(message, suggestion=hint)])
    return found[0]
