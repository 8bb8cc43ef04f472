"""A folder of everything that a build is made from, by content.

::

    STORE/blobs/SHA256        archives, wheels, crates, packages, source trees
    STORE/git/COMMIT.pack     the objects of one commit, without its history
    STORE/partial/            what is not whole yet; never looked at by a build

What stands under its name is whole: it was checked before it was given that name. A build checks it again.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from trilith.build.problems import BuildError, Problem

_CHUNK = 1 << 20
_SCRATCH = "scratch-"
_FRESH_SECONDS = 60.0
"""How long a folder may be there before whoever made it holds it."""
MAKE_ROOM = "make room or name a folder elsewhere, and run it again: what is whole is kept"


def default_store() -> Path:
    """Return the store of this user: ``$TRILITH_STORE``, or a folder of caches."""
    named = os.environ.get("TRILITH_STORE")
    if named:
        return Path(named)
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "trilith" / "store"


class Store:
    """Blobs by SHA-256, and git commits."""

    def __init__(self, root: Path, bundle: str = "") -> None:
        """Use a folder; it is made when something is put into it.

        Args:
            root: the folder.
            bundle: the file that was unpacked into it, if it was.
        """
        self.root, self.bundle = root, bundle

    def blob(self, sha256: str) -> Path:
        """Return where a blob lies, or would lie."""
        return self.root / "blobs" / sha256

    def pack(self, commit: str) -> Path:
        """Return where the objects of a commit lie, or would lie."""
        return self.root / "git" / f"{commit}.pack"

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """Make a folder for what is not whole yet; it goes, whatever happens."""
        (self.root / "partial").mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(dir=self.root / "partial", prefix=_SCRATCH) as folder,
            _held(Path(folder), fcntl.LOCK_SH),
        ):
            yield Path(folder)

    def tidy(self) -> None:
        """Delete what those left that were killed; downloads stay, to be gone on with."""
        for folder in (self.root / "partial").glob(f"{_SCRATCH}*"):
            with contextlib.suppress(OSError):  # somebody uses it, or deletes it just now
                if time.time() - folder.stat().st_mtime > _FRESH_SECONDS:
                    with _held(folder, fcntl.LOCK_EX | fcntl.LOCK_NB):
                        shutil.rmtree(folder)

    def unfinished(self, name: str) -> Path:
        """Return where a download lies until it is whole; a later one goes on from there."""
        (self.root / "partial").mkdir(parents=True, exist_ok=True)
        return self.root / "partial" / name

    @contextlib.contextmanager
    def claim(self, name: str) -> Iterator[None]:
        """Let one process at a time work on an item; the others wait."""
        with self.unfinished(f"{name}.claim").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def put(self, path: Path, sha256: str, name: str) -> Path:
        """Move a file in, under its hash.

        Raises:
            BuildError: its content has another hash.
        """
        found = digest(path)
        if found != sha256:
            path.unlink(missing_ok=True)
            hint = "whoever sent it changed it: lock again, or name another mirror; nothing was kept"
            raise BuildError(
                [Problem(f"expected SHA-256 {sha256}, received {found}", field=name, suggestion=hint)]
            )
        return _enter(path, self.blob(sha256))

    def put_pack(self, path: Path, commit: str) -> Path:
        """Move the objects of a commit in; the caller has checked them."""
        return _enter(path, self.pack(commit))

    def put_bytes(self, content: bytes) -> str:
        """Put a text in; its hash."""
        sha256 = hashlib.sha256(content).hexdigest()
        with self.scratch() as folder:
            (folder / "content").write_bytes(content)
            self.put(folder / "content", sha256, "content")
        return sha256

    def take(self, sha256: str, name: str, target: Path) -> Path:
        """Copy a blob out, and check it on the way.

        Raises:
            BuildError: it is not there, or a byte of it changed.
        """
        source = self.blob(sha256)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with source.open("rb") as origin, target.open("wb") as copy:
                found = _copy(origin, copy)
        except FileNotFoundError as error:
            raise BuildError([self.missing(name, source)]) from error
        if found != sha256:
            target.unlink()
            raise BuildError([self.changed(name, source, f"expected SHA-256 {sha256}, found {found}")])
        return target

    def check(self, sha256: str, name: str) -> None:
        """Check a blob where it lies.

        Raises:
            BuildError: it is not there, or a byte of it changed.
        """
        path = self.blob(sha256)
        if not path.is_file():
            raise BuildError([self.missing(name, path)])
        found = digest(path)
        if found != sha256:
            raise BuildError([self.changed(name, path, f"expected SHA-256 {sha256}, found {found}")])

    def changed(self, name: str, path: Path, how: str) -> Problem:
        """Say that an item is not what was locked."""
        hint = (
            "copy the bundle again from where it was made"
            if self.bundle
            else f"delete {path} and fetch it again"
        )
        place = f"the bundle {self.bundle}" if self.bundle else "the store"
        return Problem(f"changed in {place}: {how}", field=name, suggestion=hint)

    def missing(self, name: str, path: Path) -> Problem:
        """Say that an item was not fetched."""
        if self.bundle:
            hint = "make it again with trilith build bundle"
            return Problem(f"is not in the bundle {self.bundle}", field=name, suggestion=hint)
        return Problem(
            f"is not in the store ({path})",
            field=name,
            suggestion=f"fetch it: trilith build fetch --lock=LOCK --to={self.root}",
        )


@contextlib.contextmanager
def _held(folder: Path, how: int) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, how)
        yield
    finally:
        os.close(handle)


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def disk_problem(error: OSError, place: Path, name: str) -> Problem | None:
    """Say that a disk is full, where that is what an error means."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return None
    free = shutil.disk_usage(_existing(place)).free
    return Problem(
        f"the disk of {place} is full ({free // 1_000_000} MB free)", field=name, suggestion=MAKE_ROOM
    )


def system_problem(error: OSError, place: Path | None = None, name: str = "") -> Problem:
    """Say what the system refused: where a disk is full, where something may not be written, or what else.

    Args:
        error: as the system said it.
        place: the folder that was worked on, where the error names no file.
        name: what was worked on.
    """
    named = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else place
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        if named:
            return disk_problem(error, named, name) or Problem(str(error))
        return Problem("a disk is full: that of the folders named, or of TMPDIR", name, suggestion=MAKE_ROOM)
    reason = (error.strerror or str(error) or type(error).__name__).lower()
    denied = error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
    hint = "name a folder that this user may write, or run it as its owner" if denied else ""
    return Problem(reason, str(named or ""), name, hint)


def _existing(place: Path) -> Path:
    return next(folder for folder in (place, *place.parents) if folder.exists())


def _enter(path: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    path.chmod(0o644)
    path.replace(target)
    return target


def _copy(origin: BinaryIO, copy: BinaryIO) -> str:
    hasher = hashlib.sha256()
    while chunk := origin.read(_CHUNK):
        hasher.update(chunk)
        copy.write(chunk)
    return hasher.hexdigest()
