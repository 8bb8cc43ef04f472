"""Locks a source tree of this machine: its files as one archive, the same for the same files."""

import os
import re
import tarfile
import tomllib
from collections.abc import Iterable
from pathlib import Path

from trilith.build.locking.model import LockedCrate, LockedSource
from trilith.build.problems import BuildError, Problem, why
from trilith.build.processes import ProgramError, run
from trilith.build.store import Store, digest

FILE = "trilith-build.lock"
CARGO_LOCK, PYPROJECT = "Cargo.lock", "pyproject.toml"
# Where git does not say what belongs to a tree.
_NOT_SOURCES = {".git", ".venv", "target", "build", "dist", "__pycache__", ".setup"}
_SHA256 = re.compile("[0-9a-f]{64}")
_FORMAT = tarfile.PAX_FORMAT


def lock_source(name: str, folder: Path, store: Store, without: Path | None = None) -> LockedSource:
    """Put a source tree into the store.

    Args:
        name: the component that it is.
        folder: the tree.
        store: where its archive goes.
        without: a folder below it that is no part of it: where the build happens.

    Raises:
        BuildError: it is none of this server.
    """
    if not (folder / PYPROJECT).is_file() or not (folder / CARGO_LOCK).is_file():
        raise BuildError(
            [
                Problem(
                    f"there are no sources of the server in {folder}: expected {PYPROJECT} and {CARGO_LOCK}",
                    field=name,
                    suggestion="run it in the source tree, or name that with --cmake-dir",
                )
            ]
        )
    made = _made(folder)
    paths = [
        path
        for path in _files(folder)
        if path.partition("/")[0] not in made and not (without and _below(folder / path, without))
    ]
    with store.scratch() as scratch:
        archive = scratch / "source.tar"
        write_tar(archive, [(path, folder / path) for path in paths])
        sha256 = digest(archive)
        store.put(archive, sha256, name)
    return LockedSource(name, sha256, len(paths), _commit(folder))


def write_tar(target: Path, items: Iterable[tuple[str, Path]], time: int = 0) -> None:
    """Write an archive whose bytes depend on names and contents alone."""
    with tarfile.open(target, "w", format=_FORMAT) as archive:
        for name, path in sorted(items):
            about = tarfile.TarInfo(name)
            about.mtime = time
            if path.is_symlink():
                about.type, about.linkname = tarfile.SYMTYPE, str(path.readlink())
                archive.addfile(about)
                continue
            status = path.stat()
            about.size, about.mode = status.st_size, 0o755 if status.st_mode & 0o100 else 0o644
            with path.open("rb") as file:
                archive.addfile(about, file)


def lock_crates(folder: Path) -> list[LockedCrate]:
    """Return what Cargo.lock names from registries.

    Raises:
        BuildError: it cannot be read, or names something that is no registry's.
    """
    path = folder / CARGO_LOCK
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BuildError([Problem(f"cannot be read: {why(error)}", str(path))]) from error
    found, problems = [], []
    for item in document.get("package", []):
        sha256 = next((value for value in item.values() if _is_hash(value)), "")
        if sha256:
            found.append(LockedCrate(item["name"], item["version"], sha256))
        elif "source" in item:
            message = f"{item['name']} comes from {item['source']}, which has no hash"
            problems.append(Problem(message, str(path), suggestion="take a release from a registry"))
    if problems:
        raise BuildError(problems)
    return sorted(found)


def build_requirements(folder: Path) -> list[str]:
    """Return what building the tree requires of Python, as pyproject.toml says."""
    try:
        document = tomllib.loads((folder / PYPROJECT).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BuildError([Problem(f"cannot be read: {why(error)}", str(folder / PYPROJECT))]) from error
    return [str(item) for item in document.get("build-system", {}).get("requires", [])]


def commit_time(folder: Path) -> int:
    """Return when the commit of a tree was made; 0 where git does not know."""
    try:
        return int(run(["git", "-C", str(folder), "log", "-1", "--format=%ct"]))
    except (ProgramError, BuildError, ValueError):
        return 0


def _files(folder: Path) -> list[str]:
    try:
        words = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = run(["git", "-c", "safe.directory=*", "-C", str(folder), *words]).decode()
        names = [name for name in listed.split("\0") if name]
    except (ProgramError, BuildError):
        names = []
        for place, folders, files in os.walk(folder):
            folders[:] = [one for one in folders if one not in _NOT_SOURCES]
            names += [(Path(place) / name).relative_to(folder).as_posix() for name in files]
    return sorted(name for name in set(names) if (folder / name).is_file() or (folder / name).is_symlink())


def _made(folder: Path) -> set[str]:
    """Return what this builder writes beside sources: locks, stores, bundles, images, builds and results.

    They would be sources of the next lock, which would never be the same again.
    """
    found = {FILE}
    for path in folder.iterdir():
        inside = (path / name for name in ("blobs", "share/trilith/manifest.json", "brick_build"))
        if path.suffix == ".tar" or any(one.exists() for one in inside):
            found.add(path.name)
    return found


def _commit(folder: Path) -> str:
    """Return the commit of a tree that is as it was committed."""
    try:
        if run(["git", "-C", str(folder), "status", "--porcelain"]).strip():
            return ""
        return run(["git", "-C", str(folder), "rev-parse", "HEAD"]).decode().strip()
    except (ProgramError, BuildError):
        return ""


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and bool(_SHA256.fullmatch(value))


def _below(path: Path, folder: Path) -> bool:
    return path.absolute().is_relative_to(folder.absolute())
