"""How large a result is, by brick and by Python package."""

import re
from collections import Counter
from dataclasses import dataclass, field

from trilith.build.problems import BuildError, Problem
from trilith.build.verifying.subject import Subject

BASE = "base system"
UNITS = {
    "": 1, "B": 1, "K": 10**3, "KB": 10**3, "M": 10**6, "MB": 10**6, "G": 10**9, "GB": 10**9,
    "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30,
}  # fmt: skip
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)")


@dataclass(frozen=True)
class Size:
    """Bytes of content; what a disk rounds up is not counted."""

    bricks: dict[str, int] = field(default_factory=dict)
    packages: dict[tuple[str, str], int] = field(default_factory=dict)
    """By brick and Python package."""
    files: dict[str, int] = field(default_factory=dict)
    """Number of files by brick."""

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self.bricks.values())


def measure(subject: Subject) -> Size:
    """Measure a result, or an image with the system below it."""
    bricks: Counter[str] = Counter()
    packages: Counter[tuple[str, str]] = Counter()
    files: Counter[str] = Counter()
    own = 0
    for file in subject.manifest.files:
        place = subject.root / file.path
        size = place.lstat().st_size if place.is_symlink() or place.exists() else 0
        bricks[file.brick] += size
        packages[file.brick, file.package] += size
        files[file.brick] += 1
        own += size
    if subject.image is not None:
        everything, count = _below(subject)
        bricks[BASE] += everything - own
        files[BASE] = count - sum(files.values())
    return Size(_sorted(bricks), dict(packages.most_common()), dict(files))


def parse_size(text: str) -> int:
    """Read a size such as ``150MB`` or ``2GiB``.

    Raises:
        BuildError: it is none.
    """
    match = _SIZE.fullmatch(text.strip())
    if not match or match[2].upper() not in UNITS:
        raise BuildError([Problem(f"--max-size={text}: expected a size such as 150MB or 140MiB")])
    return int(float(match[1]) * UNITS[match[2].upper()])


def show(size: int) -> str:
    """Write a size for people, in units of a thousand as disks are sold."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size} B"


def _sorted(sizes: Counter[str]) -> dict[str, int]:
    return dict(sorted(sizes.items(), key=lambda item: (-item[1], item[0])))


def _below(subject: Subject) -> tuple[int, int]:
    total, count = 0, 0
    for path in subject.system.rglob("*"):
        if path.is_symlink() or path.is_file():
            total, count = total + path.lstat().st_size, count + 1
    return total, count
