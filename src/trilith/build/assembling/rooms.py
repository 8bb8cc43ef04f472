"""Folders that a build uses: nothing that no build made is taken away, and none is left when it fails."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from trilith.build.files import inner_script
from trilith.build.model import Plan
from trilith.build.problems import BuildError, Problem
from trilith.build.result import ABOUT

CLAIM = ".claim"
"""File by which builds keep out of each other's way."""
ROOM = ".bundle"
"""Folder below the build folder where a bundle is unpacked."""
_REPLACED = ("source", "wheels", "offline")
"""What a build makes anew in its folder, by names that others may have too."""


def refuse_foreign(plan: Plan) -> None:
    """Refuse folders whose content a build would replace without having made it.

    Raises:
        BuildError: one of them holds files of somebody else.
    """
    if plan.catalogue.head.builder != "wheel" or plan.containers:
        return
    folder, root = Path(plan.folders.build).absolute(), Path(plan.folders.install).absolute()
    problems = []
    known = any((folder / name).exists() for name in (CLAIM, inner_script(plan)))
    found = [] if known else [name for name in _REPLACED if (folder / name).exists()]
    if found:
        hint = "name another folder with --build-dir"
        told = f"holds '{found[0]}', which no build made and a build would replace"
        problems.append(Problem(told, str(folder), suggestion=hint))
    hint = "name a folder of its own with --install-dir"
    if folder.resolve().is_relative_to(root.resolve()):
        told = "is replaced by the result, and the build folder lies in it"
        problems.append(Problem(told, str(root), suggestion=hint))
    elif root.is_dir() and any(root.iterdir()) and not (root / ABOUT).is_dir():
        told = "holds files that no build made, and a result would replace them"
        problems.append(Problem(told, str(root), suggestion=hint))
    if problems:
        raise BuildError(problems)


@contextlib.contextmanager
def bundle_room(folder: Path) -> Iterator[Path]:
    """Lend a folder below the build folder to one bundle at a time; it goes, and what was made for it.

    Raises:
        BuildError: another build unpacks a bundle there.
    """
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / ROOM
    with _locked(folder):
        shutil.rmtree(place, ignore_errors=True)  # of a build that was killed
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)
            with contextlib.suppress(OSError):  # what holds something stays
                for empty in made:
                    empty.rmdir()


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        hint = "wait for it, or name another --build-dir"
        raise BuildError([Problem(f"another build uses {folder}", suggestion=hint)]) from error
    try:
        yield
    finally:
        os.close(handle)
