"""A lock and all that it names, in one file; the same file for the same lock.

::

    bundle.json               what it is for
    trilith-build.lock
    blobs/SHA256  git/COMMIT.pack
"""

import hashlib
import json
import os
import platform
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from trilith.build.locking import FILE, Lock, digest_of, from_text, to_text
from trilith.build.locking.sources import write_tar
from trilith.build.problems import BuildError, Problem, why
from trilith.build.repositories import opened
from trilith.build.store import Store, disk_problem
from trilith.build.unpacking import unpack_tar

ABOUT = "bundle.json"
FORMAT = 1
HINT = "make it with trilith build bundle; if it was copied, compare its SHA-256 with the original's"
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


def bundle(lock: Lock, store: Store, target: Path) -> Path:
    """Write a bundle; everything that goes into it is checked.

    Raises:
        BuildError: something is not in the store, changed, or the disk is full.
    """
    check(lock, store)
    about = {"format": FORMAT, "lock": digest_of(lock), "target": dict(lock.target)}
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with store.scratch() as folder:
            (folder / ABOUT).write_text(json.dumps(about, sort_keys=True) + "\n", encoding="utf-8")
            (folder / FILE).write_text(to_text(lock), encoding="utf-8")
            items = [(ABOUT, folder / ABOUT), (FILE, folder / FILE), *_items(lock, store)]
            write_tar(partial, items, lock.source_date_epoch)
        partial.replace(target)
    except OSError as error:
        problem = disk_problem(error, target.parent, str(target))
        raise BuildError([problem or Problem(f"cannot be written: {why(error)}", str(target))]) from error
    finally:
        with suppress(OSError):  # where nothing may be written, nothing may be removed either
            partial.unlink(missing_ok=True)
    return target


def unbundle(path: Path, folder: Path) -> tuple[Lock, Store]:
    """Unpack a bundle, and check that it is for this machine and that its files are those of its lock.

    What git has is checked by its commits when it is checked out.

    Raises:
        BuildError: it is none, or is for another machine, or something in it is missing or changed.
    """
    _whole(path)
    unpack_tar(path, folder, str(path))
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        text = (folder / FILE).read_text(encoding="utf-8")
        lock = from_text(text, f"{path}: {FILE}")
        known, told = about["format"] == FORMAT, about["lock"]
    except FileNotFoundError as error:
        name = Path(str(error.filename)).name
        raise BuildError(
            [Problem(f"is no bundle: it holds no {name}", str(path), suggestion=HINT)]
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BuildError([Problem(f"is no bundle: {error}", str(path), suggestion=HINT)]) from error
    if not known or told != hashlib.sha256(text.encode()).hexdigest():
        raise BuildError(
            [Problem("its lock is not the one that it was made with", str(path), suggestion=HINT)]
        )
    check_machine(lock, str(path))
    store = Store(folder, str(path))
    if problems := _wrong_blobs(lock, store):
        raise BuildError(problems)
    return lock, store


def check(lock: Lock, store: Store) -> None:
    """Check everything that a lock names where it lies in a store.

    Raises:
        BuildError: all that is missing or changed.
    """
    problems = _wrong_blobs(lock, store)
    for commit, (name, _) in lock.commits().items():
        try:
            with opened(store, commit, name):
                pass
        except BuildError as error:
            problems += error.problems
    if problems:
        raise BuildError(problems)


def check_machine(lock: Lock, file: str = "") -> None:
    """Refuse what is for another machine.

    Raises:
        BuildError: it is.
    """
    here = platform.machine().lower()
    machine = _MACHINES.get(here, here)
    wanted = lock.target.get("machine", "")
    if wanted and wanted != machine:
        raise BuildError(
            [
                Problem(
                    f"is for {wanted}, and this machine is {machine}",
                    file,
                    suggestion=f"build it on {wanted}, or lock with --target-machine={machine}",
                )
            ]
        )


def _wrong_blobs(lock: Lock, store: Store) -> list[Problem]:
    problems: list[Problem] = []
    for sha256, name in lock.blobs().items():
        try:
            store.check(sha256, name)
        except BuildError as error:
            problems += error.problems
    return problems


def _items(lock: Lock, store: Store) -> Iterator[tuple[str, Path]]:
    for sha256 in lock.blobs():
        yield f"blobs/{sha256}", store.blob(sha256)
    for commit in lock.commits():
        yield f"git/{commit}.pack", store.pack(commit)


def _whole(path: Path) -> None:
    try:
        if not tarfile.is_tarfile(path):
            raise BuildError([Problem("is no bundle: expected a tar archive", str(path), suggestion=HINT)])
    except OSError as error:
        raise BuildError([Problem(f"cannot be read: {why(error)}", str(path), suggestion=HINT)]) from error
