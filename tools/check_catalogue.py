"""Hold the catalogue of the upstream server against its repositories, wherever they are at hand.

Usage: ``python tools/check_catalogue.py FOLDER [--current]``.

FOLDER holds mirrors by the name of their repository: ``NAME.git``, ``NAME``, or ``OWNER+NAME/repo``. Each
component is compared at the commit that the catalogue says it was checked at, and the flags of ``build.py``
with those of ``trilith build``; ``--current`` takes the newest commit instead. Repositories that are not
there are named and skipped.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trilith.build.catalogue import Catalogue, Component, load
from trilith.build.flags import REFUSED, flags_of

_COMMENT = re.compile(r"(?m)#.*$")
_OPTION = re.compile(r'\boption\s*\(\s*(\w+)\s+(?:"[^"]*"\s*)?(ON|OFF)?\s*\)')
_CACHED = re.compile(r'\bset\s*\(\s*(\w+)\s+("[^"]*"|[^\s)]+)\s+CACHE\s+(\w+)\s')


_FLAG = re.compile(r'add_argument\(\s*(?:"-\w",\s*)?"--([a-z-]+)"')
BUILD_SCRIPT = "build.py"


@dataclass(frozen=True)
class Mirror:
    """A repository at one commit."""

    folder: Path
    commit: str

    def read(self, path: str) -> str:
        """Return a file; empty if it is not there."""
        return self._git("show", f"{self.commit}:{path}")

    def has(self, path: str) -> bool:
        """Say whether a file or a folder is there."""
        return bool(self._git("ls-tree", self.commit, "--", path))

    def holds(self, text: str) -> bool:
        """Say whether a text stands in any build file."""
        return bool(self._git("grep", "--fixed-strings", "--files-with-matches", text, self.commit))

    def _git(self, *words: str) -> str:
        command = ["git", f"--git-dir={self.folder}", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603


def find(folder: Path, repository: str) -> Path | None:
    """Return the git folder of a repository."""
    name = repository.rpartition("/")[2].removesuffix(".git")
    candidates = [
        folder / f"{name}.git",
        folder / name / ".git",
        folder / name,
        *sorted(folder.glob(f"*+{name}/repo")),
    ]
    return next((path for path in candidates if (path / "HEAD").is_file()), None)


def declared(text: str) -> dict[str, tuple[str, str]]:
    """Return the options that a ``CMakeLists.txt`` declares: type and default by name."""
    plain = _COMMENT.sub("", text)
    found = {match[1]: ("BOOL", match[2] or "OFF") for match in _OPTION.finditer(plain)}
    found |= {
        match[1]: (match[3], match[2].strip('"'))
        for match in _CACHED.finditer(plain)
        if match[1] not in found
    }
    return found


def compare(component: Component, mirror: Mirror) -> Iterator[str]:
    """Yield where a component says something else than its sources."""
    folder = f"{component.cmake_folder}/" if component.cmake_folder else ""
    options = declared(mirror.read(f"{folder}CMakeLists.txt"))
    for name, option in component.options.items():
        if option.declared_by:
            continue
        if name not in options:
            yield f"{component.key}: its sources declare no option {name}"
        elif options[name][0] != option.type or (option.default and options[name][1] != option.default):
            yield f"{component.key}: {name} is {':'.join(options[name])} in its sources"
    for path in component.files:
        if not mirror.has(path):
            yield f"{component.key}: its sources hold no {path}"


def compare_third_party(catalogue: Catalogue, folder: Path, *, current: bool) -> Iterator[str]:
    """Yield third-party parts whose address, ref or hash their sources do not name."""
    for part in catalogue.third_party.values():
        owner = catalogue.components.get(part.declared_in)
        mirror = _mirror(owner, folder, current=current) if owner else None
        for text in (part.address, part.ref, part.sha256):
            if mirror and text and not mirror.holds(text):
                yield f"{part.key}: {part.declared_in} does not name {text}"


def compare_flags(catalogue: Catalogue, mirror: Mirror) -> Iterator[str]:
    """Yield flags of the upstream build script that ``trilith build`` does not take."""
    known = {*flags_of(catalogue), *REFUSED}
    for name in _FLAG.findall(mirror.read(BUILD_SCRIPT)):
        if name not in known:
            yield f"--{name} of {BUILD_SCRIPT} is not taken"


def check(catalogue: Catalogue, folder: Path, *, current: bool = False) -> tuple[list[str], list[str]]:
    """Compare everything; return what differs, and what could not be compared."""
    differences: list[str] = []
    absent: list[str] = []
    for component in catalogue.components.values():
        if not component.repository:
            continue
        mirror = _mirror(component, folder, current=current)
        if mirror is None:
            absent.append(component.key)
        else:
            differences += compare(component, mirror)
            differences += compare_flags(catalogue, mirror) if BUILD_SCRIPT in component.files else []
    return differences + list(compare_third_party(catalogue, folder, current=current)), absent


def _mirror(component: Component, folder: Path, *, current: bool) -> Mirror | None:
    place = find(folder, component.repository)
    if place is None or not (component.checked or current):
        return None
    return Mirror(place, "HEAD" if current or component.checked is None else component.checked.commit)


def main(arguments: list[str]) -> int:
    """Compare and tell."""
    current = "--current" in arguments
    folders = [word for word in arguments if not word.startswith("--")]
    if len(folders) != 1:
        print("usage: check_catalogue.py FOLDER [--current]", file=sys.stderr)
        return 2
    differences, absent = check(load("triton"), Path(folders[0]), current=current)
    print(*differences, sep="\n", end="\n" if differences else "")
    print(f"{len(differences)} differences; not compared: {', '.join(absent) or 'nothing'}")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
