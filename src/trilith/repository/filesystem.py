"""How a repository is looked into; a remote store is another implementation of the same."""

import os
from pathlib import Path
from typing import Protocol


class Filesystem(Protocol):
    """What a scan needs of the place where models lie."""

    def folders(self, directory: Path) -> list[str]:
        """Names of the folders directly inside, sorted; links to folders count.

        Raises:
            OSError: the directory is not there or cannot be read.
        """

    def is_file(self, path: Path) -> bool:
        """Whether a file lies there."""


class LocalFilesystem:
    """Folders of this machine."""

    def folders(self, directory: Path) -> list[str]:
        """Names of the folders directly inside, sorted."""
        with os.scandir(directory) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir())

    def is_file(self, path: Path) -> bool:
        """Whether a file lies there."""
        return path.is_file()
