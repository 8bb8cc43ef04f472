"""Whether a model's folder has changed since it was looked at."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from trilith.repository.filesystem import Filesystem, LocalFilesystem, Stamp


@dataclass(frozen=True)
class Fingerprint:
    """What a model's folder held at some moment."""

    stamps: Mapping[str, Stamp]
    """By path inside the folder."""

    def differs_in(self, other: "Fingerprint") -> frozenset[str]:
        """Return the paths that came, went or changed."""
        paths = self.stamps.keys() | other.stamps.keys()
        return frozenset(path for path in paths if self.stamps.get(path) != other.stamps.get(path))


def take(directory: Path, filesystem: Filesystem | None = None) -> Fingerprint:
    """Look at a model's folder.

    Hidden files (the swap files of editors among them) and the bytecode that Python leaves beside modules
    do not count.

    Raises:
        OSError: it is not there or cannot be read.
    """
    store = filesystem or LocalFilesystem()
    stamps = store.stamps(directory)
    return Fingerprint({path: stamp for path, stamp in stamps.items() if _counts(path)})


def _counts(path: str) -> bool:
    parts = path.split("/")
    return "__pycache__" not in parts and not any(part.startswith(".") for part in parts)
