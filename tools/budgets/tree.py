"""The files that are looked at, in memory, and what is found in them."""

import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath


@dataclass(frozen=True, order=True)
class Finding:
    """One breach of a rule."""

    path: str
    line: int
    """Counted from 1; 0 where the whole file is meant."""
    message: str

    def __str__(self) -> str:
        """Render as editors understand it."""
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place}: {self.message}"


@dataclass(frozen=True)
class Tree:
    """Texts by path, as posix paths relative to the root."""

    texts: Mapping[str, str]

    def matching(self, *patterns: str) -> Iterator[tuple[str, str]]:
        """Yield path and text of the files that match one of the patterns, such as ``*.py`` or ``src/**``."""
        for path, text in sorted(self.texts.items()):
            if any(PurePosixPath(path).match(pattern) for pattern in patterns):
                yield path, text

    def under(self, *folders: str) -> Iterator[tuple[str, str]]:
        """Yield path and text of the files whose path starts with one of the folders."""
        for path, text in sorted(self.texts.items()):
            if path.startswith(folders):
                yield path, text


def read(root: Path) -> Tree:
    """Read every text file that git tracks or would track.

    Raises:
        subprocess.CalledProcessError: git does not know the folder.
    """
    # A checkout may belong to another user than the one who runs the checks.
    command = [
        "git",
        "-c",
        "safe.directory=*",
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]
    listing = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)  # noqa: S603 - fixed
    texts = {}
    for name in filter(None, listing.stdout.split("\0")):
        text = _text(root / name)
        if text is not None:
            texts[name] = text
    return Tree(texts)


def _text(path: Path) -> str | None:
    """Return the content, or None where it is no text or the file was deleted and not yet committed."""
    if not path.is_file() or path.is_symlink():
        return None
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None
