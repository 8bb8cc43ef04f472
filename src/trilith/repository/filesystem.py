"""How a repository is looked into; a remote store is another implementation of the same."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Stamp:
    """By what a change of a file shows."""

    modified: int = 0
    """Nanoseconds since the epoch; 0 for a folder, whose own files tell."""
    size: int = 0


MAX_DEPTH = 32
"""Of folders in folders that are looked into: a link that leads back to where it stands must end."""


class Filesystem(Protocol):
    """What a scan needs of the place where models lie."""

    def folders(self, directory: Path) -> list[str]:
        """Names of the folders directly inside, sorted; links to folders count.

        Raises:
            OSError: the directory is not there or cannot be read.
        """

    def exists(self, path: Path) -> bool:
        """Whether anything has this name, a link that leads nowhere included."""

    def stamps(self, directory: Path) -> Mapping[str, Stamp]:
        """Look at everything inside, however deep; by path, with ``/`` between its parts.

        Raises:
            OSError: the directory is not there or cannot be read.
        """


class LocalFilesystem:
    """Folders of this machine."""

    def folders(self, directory: Path) -> list[str]:
        """Names of the folders directly inside, sorted."""
        with os.scandir(directory) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir())

    def exists(self, path: Path) -> bool:
        """Whether anything has this name, a link that leads nowhere included."""
        return os.path.lexists(path)

    def stamps(self, directory: Path) -> Mapping[str, Stamp]:
        """Look at everything inside, however deep; links are followed."""
        found: dict[str, Stamp] = {}
        waiting = [(directory, "")]
        while waiting:
            place, prefix = waiting.pop()
            with os.scandir(place) as entries:
                for entry in entries:
                    path = f"{prefix}{entry.name}"
                    if entry.is_dir() and path.count("/") < MAX_DEPTH:
                        found[path] = Stamp()
                        waiting.append((Path(entry.path), f"{path}/"))
                    elif entry.is_file():
                        status = entry.stat()
                        found[path] = Stamp(status.st_mtime_ns, status.st_size)
        return found
