"""A folder seen as the root of a system: links in it lead to places in it, whatever they say."""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

# As many as Linux follows.
MAX_LINKS = 40


class Tree:
    """A root; ``/`` is this machine."""

    def __init__(self, root: Path) -> None:
        """Look at a folder."""
        self.root = Path(os.path.realpath(root))

    def resolve(self, path: str) -> Path | None:
        """Return the file or folder that a path in the tree means; None if there is none.

        ``..`` does not lead out, and an absolute link starts at the root again, as after chroot.
        """
        todo = [part for part in reversed(PurePosixPath(path).parts) if part != "/"]
        place, links = self.root, 0
        while todo:
            part = todo.pop()
            if part == "..":
                place = place if place == self.root else place.parent
                continue
            following = place / part
            if following.is_symlink():
                links += 1
                if links > MAX_LINKS:
                    return None
                target = PurePosixPath(following.readlink())
                if target.is_absolute():
                    place = self.root
                todo += [piece for piece in reversed(target.parts) if piece != "/"]
            elif not os.path.lexists(following):
                return None
            else:
                place = following
        return place

    def inside(self, path: Path) -> str:
        """Return how the tree calls a file, beginning with ``/``."""
        return "/" + path.relative_to(self.root).as_posix()

    def glob(self, pattern: str) -> list[str]:
        """Return the files of the tree that an absolute pattern fits, sorted."""
        relative = pattern.lstrip("/")
        found = self.root.glob(relative) if relative else ()
        return sorted(self.inside(path) for path in found)

    def text(self, path: str) -> str:
        """Return a file as text; empty if it cannot be read."""
        file = self.resolve(path)
        try:
            return file.read_text(encoding="utf-8", errors="replace") if file else ""
        except OSError:
            return ""


def walk(folder: Path) -> Iterator[Path]:
    """Yield all files and links below a folder, in a fixed order; links are not followed."""
    for place, folders, files in os.walk(folder):
        folders.sort()
        names = [*files, *(name for name in folders if (Path(place) / name).is_symlink())]
        for name in sorted(names):
            yield Path(place) / name
