"""Hold the catalogue of the upstream server against its repositories, wherever they are at hand.

Usage: ``python tools/check_catalogue.py FOLDER [--current]``.

FOLDER holds mirrors by the name of their repository: ``NAME.git``, ``NAME``, or ``OWNER+NAME/repo``. Each
component is compared at the commit that the catalogue says it was checked at, and the flags of ``build.py``
with those of ``trilith build``; ``--current`` takes the newest commit instead. Repositories that are not
there are named and skipped.
"""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from upstream_script import flags, versions

from trilith.build.catalogue import Catalogue, Component, load
from trilith.build.catalogue.schema import ThirdParty
from trilith.build.cmake import find as find_downloads
from trilith.build.cmake.parsing import commands
from trilith.build.discovery import same
from trilith.build.flags import REFUSED, flags_of

BUILD_SCRIPT = "build.py"
_ROUNDED = 0.06
"""Megabytes are written with one decimal."""


@dataclass(frozen=True)
class Mirror:
    """A repository at one commit."""

    folder: Path
    commit: str

    def read(self, path: str) -> str:
        """Return a file; empty if it is not there."""
        return self._git("show", f"{self.commit}:{path}")

    def submodules(self) -> list[str]:
        """Return the paths of submodules."""
        listed = self._git("ls-tree", "-r", self.commit).splitlines()
        return [line.partition("\t")[2] for line in listed if line.split()[1] == "commit"]

    def size(self) -> float:
        """Return the megabytes of all files."""
        listed = self._git("ls-tree", "-r", "--long", self.commit).splitlines()
        sizes = [line.split()[3] for line in listed]
        return sum(int(size) for size in sizes if size.isdecimal()) / 1e6

    def has(self, path: str) -> bool:
        """Say whether a file or a folder is there."""
        return bool(self._git("ls-tree", self.commit, "--", path))

    def holds(self, text: str) -> bool:
        """Say whether a text stands in any build file."""
        return bool(self._git("grep", "--fixed-strings", "--files-with-matches", text, self.commit))

    def _git(self, *words: str) -> str:
        command = ["git", f"--git-dir={self.folder}", *words]
        return subprocess.run(command, capture_output=True, check=False).stdout.decode(errors="replace")  # noqa: S603


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
    found: dict[str, tuple[str, str]] = {}
    for command in commands(text):
        words = [word.text for word in command.words]
        if command.name == "option" and words:
            found[words[0]] = ("BOOL", words[2] if len(words) > len(("name", "help")) else "OFF")
        elif words[2:3] == ["CACHE"] and command.name == "set" and not {"INTERNAL", "FORCE"} & set(words):
            found.setdefault(words[0], (words[3], words[1]))
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
    for name in options:
        if name not in component.options and component.build != "copy":
            yield f"{component.key}: its sources declare an option {name} too"
    for path in component.files:
        if not mirror.has(path):
            yield f"{component.key}: its sources hold no {path}"


def compare_downloads(catalogue: Catalogue, component: Component, mirror: Mirror) -> Iterator[str]:
    """Yield what the sources of a component fetch and the catalogue does not know, or by another ref."""
    refs: dict[str, set[str]] = {}
    written: set[str] = set()
    for part in catalogue.third_party.values():
        refs.setdefault(same(part.address), set()).add(part.ref)
        written.update(part.written)
    own = [f"{catalogue.head.organization}/{part.repository}" for part in catalogue.components.values()]
    for item in find_downloads(component.key, mirror, {}, below=component.cmake_folder):
        what, known = item.address or item.text, refs.get(same(item.address))
        if same(item.address) in own or item.text in written:
            continue
        if known is None:
            yield f"{component.key}: fetches {what} ({item.where}), which the catalogue does not know"
        elif item.ref and not known & {item.ref, ""}:
            yield f"{component.key}: fetches {what} at {item.ref} ({item.where}), not at {sorted(known)}"


def compare_third_party(catalogue: Catalogue, folder: Path, *, current: bool) -> Iterator[str]:
    """Yield third-party parts whose address, ref or hash their sources do not name."""
    for part in catalogue.third_party.values():
        owner = catalogue.components.get(part.declared_in)
        mirror = _mirror(owner, folder, current=current) if owner else None
        for text in () if part.inside or part.written else (part.address, part.ref, part.sha256):
            if mirror and text and not mirror.holds(text):
                yield f"{part.key}: {part.declared_in} does not name {text}"
        for text in part.written:
            if mirror and not mirror.holds(text):
                yield f"{part.key}: {part.declared_in} does not write {text}"
        yield from _compare_itself(part, folder)


def _compare_itself(part: ThirdParty, folder: Path) -> Iterator[str]:
    """Yield where a third-party repository is not what the catalogue says, if it is at hand."""
    place = find(folder, part.address) if part.address and part.by in ("git", "script") else None
    if place is None or not part.ref:
        return
    mirror = Mirror(place, part.ref)
    if not mirror.has("."):
        yield f"{part.key}: its repository has no ref {part.ref}"
        return
    found = set(mirror.submodules())
    if part.submodules or part.left_out:
        yield from (
            f"{part.key}: submodule {path} is neither used nor left out"
            for path in sorted(found - {*part.submodules, *part.left_out})
        )
        yield from (
            f"{part.key}: has no submodule {path}"
            for path in sorted({*part.submodules, *part.left_out} - found)
        )
    if part.size_megabytes and not found and abs(mirror.size() - part.size_megabytes) > _ROUNDED:
        yield f"{part.key}: is {mirror.size():.1f} MB"


def compare_size(component: Component, mirror: Mirror) -> Iterator[str]:
    """Yield where the sources of a component are not as large as the catalogue says."""
    size = mirror.size()
    if abs(size - component.source_megabytes) > _ROUNDED:
        yield f"{component.key}: its sources are {size:.1f} MB"


def compare_flags(catalogue: Catalogue, mirror: Mirror, release: str = "") -> Iterator[str]:
    """Yield flags of the upstream build script that ``trilith build`` does not take, or takes otherwise."""
    known = flags_of(catalogue)
    where = f"{BUILD_SCRIPT}{f' of {release}' if release else ''}"
    for flag in flags(mirror.read(BUILD_SCRIPT)):
        ours = known.get(flag.name)
        if ours is None:
            if flag.name not in REFUSED:
                yield f"--{flag.name} of {where} is not taken"
            continue
        ours = known[ours.stands_for] if ours.stands_for else ours
        if (ours.words if ours.metavar else 0, ours.repeats) != (flag.takes, flag.repeats):
            yield f"--{flag.name} of {where} takes {flag.takes} words, and repeats: {flag.repeats}"


def compare_releases(catalogue: Catalogue, folder: Path) -> Iterator[str]:
    """Yield where a release goes with other versions, or has other flags, than the catalogue says."""
    place = find(folder, catalogue.components[catalogue.head.main].repository)
    for release, known in catalogue.releases.items():
        if place is None:
            return
        mirror = Mirror(place, catalogue.head.release_ref.replace("{container-version}", release))
        text = mirror.read(BUILD_SCRIPT)
        if not text:
            yield f"releases.{release}: there is no {mirror.commit}"
            continue
        found = {**versions(text), "version": mirror.read("TRITON_VERSION").strip()}
        for name, value in found.items():
            setting = catalogue.settings.get(name)
            if (setting is None and name != "version") or (setting and setting.gone):
                continue
            ours = known.get(name, setting.default if setting else "")
            if ours != value:
                yield f"releases.{release}: {name} is {value}, not {ours}"
        yield from compare_flags(catalogue, mirror, release)


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
            differences += compare_downloads(catalogue, component, mirror)
            differences += compare_size(component, mirror)
            differences += compare_flags(catalogue, mirror) if BUILD_SCRIPT in component.files else []
    differences += compare_third_party(catalogue, folder, current=current)
    return differences + list(compare_releases(catalogue, folder)), absent


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
