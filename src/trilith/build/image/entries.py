"""What a layer is made of: files, folders and links, without times and owners' names."""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath

READABLE = 0o644
EXECUTABLE = 0o755


class Kind(StrEnum):
    """What an entry is."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    HARD_LINK = "hard link"


@dataclass(frozen=True)
class Entry:
    """One entry of a layer."""

    path: str
    """From the root, without a slash at either end."""
    kind: Kind
    mode: int
    source: Path | bytes = b""
    """For files: where the content is, or the content."""
    target: str = ""
    """For links: as the link says it; for hard links: a path like ``path``."""
    uid: int = 0
    gid: int = 0

    @property
    def size(self) -> int:
        """Length of the content."""
        if self.kind is not Kind.FILE:
            return 0
        return len(self.source) if isinstance(self.source, bytes) else self.source.stat().st_size


def file(path: str, content: bytes | str, mode: int = READABLE) -> Entry:
    """Make a file from its content."""
    data = content.encode() if isinstance(content, str) else content
    return Entry(path, Kind.FILE, mode, data)


def folder(path: str, mode: int = EXECUTABLE, uid: int = 0, gid: int = 0) -> Entry:
    """Make a folder."""
    return Entry(path, Kind.FOLDER, mode, uid=uid, gid=gid)


def link(path: str, target: str) -> Entry:
    """Make a symbolic link."""
    return Entry(path, Kind.LINK, 0o777, target=target)


def of_file(place: Path, path: str, *, keep_mode: bool = False) -> Entry | None:
    """Make an entry from what lies on disk; None for sockets, devices and pipes.

    Modes become 644 or 755 unless they are kept: whatever the umask of the machine that built it was.
    """
    found = place.lstat()
    if stat.S_ISLNK(found.st_mode):
        return link(path, str(place.readlink()))
    if stat.S_ISDIR(found.st_mode):
        return folder(path, stat.S_IMODE(found.st_mode) if keep_mode else EXECUTABLE)
    if not stat.S_ISREG(found.st_mode):
        return None
    usual = EXECUTABLE if found.st_mode & stat.S_IXUSR else READABLE
    return Entry(path, Kind.FILE, stat.S_IMODE(found.st_mode) if keep_mode else usual, place)


def of_folder(place: Path) -> Iterator[Entry]:
    """Make entries from everything below a folder, modes kept."""
    for current, folders, files in os.walk(place):
        for name in (*folders, *files):
            path = Path(current) / name
            entry = of_file(path, path.relative_to(place).as_posix(), keep_mode=True)
            if entry:
                yield entry


def with_parents(entries: Iterable[Entry], root: str = "") -> list[Entry]:
    """Return entries in order, the last of each path, with the folders that are missing below ``root``."""
    found = {entry.path: entry for entry in entries}
    for path in list(found):
        for parent in PurePosixPath(path).parents:
            text = parent.as_posix()
            if text != "." and text not in found and (not root or f"{text}/".startswith(f"{root}/")):
                found[text] = folder(text)
    # A hard link comes after what it links to.
    return sorted(found.values(), key=lambda entry: (entry.kind is Kind.HARD_LINK, entry.path))
