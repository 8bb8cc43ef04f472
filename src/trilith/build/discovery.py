"""What the sources of a plan fetch by themselves, held against what its catalogue knows of them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from trilith.build.cmake import ARCHIVES, GIT, Download, Tree, find
from trilith.build.model import Part, Plan

Opener = Callable[[Download], Tree | None]


@dataclass(frozen=True)
class Texts:
    """Files of a repository whose texts are at hand."""

    files: dict[str, str]

    def read(self, path: str) -> str | None:
        """Return a file; ``None`` if there is none."""
        return self.files.get(path)


@dataclass(frozen=True)
class Folder:
    """A source tree of this machine."""

    root: Path

    def read(self, path: str) -> str | None:
        """Return a file; ``None`` if there is none."""
        try:
            return (self.root / path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None


@dataclass(frozen=True)
class Finding:
    """Something that the sources of a plan fetch."""

    part: str
    """The component in whose build it is fetched."""
    download: Download

    def __str__(self) -> str:
        """Say what is fetched and where that stands."""
        item = self.download
        what = item.address or item.text
        inside = "" if item.file.startswith(f"{self.part}/") else f"{self.part}: "
        return f"{what}{f' at {item.ref}' if item.ref else ''} ({inside}{item.where})"


def discover(plan: Plan, follow: Opener) -> list[Finding]:
    """Return what the builds of a plan fetch, each thing once.

    Args:
        plan: whose parts are looked into, with what their CMake is told.
        follow: opens a repository; ``None`` where it is not at hand.
    """
    found: dict[tuple[str, str, str], Finding] = {}
    for part in plan.built:
        tree = _sources(plan, part, follow)
        if tree is None or part.component.build == "copy":
            continue
        told = {define.name: define.value for define in part.defines}
        for item in find(part.key, tree, told, below=part.component.cmake_folder, follow=follow):
            key = (item.kind, item.address or item.text, item.ref)
            if key not in found or (item.certain and not found[key].download.certain):
                found[key] = Finding(part.key, item)
    return list(found.values())


def unknown(plan: Plan, findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield what the catalogue says nothing of."""
    known = set(_known(plan))
    for finding in findings:
        item = finding.download
        if not known & {(item.kind, same(item.address)), ("text", item.text)}:
            yield finding


def same(address: str) -> str:
    """Return an address as it is compared: git does not need its ending."""
    return address.rstrip("/").removesuffix(".git")


def _sources(plan: Plan, part: Part, follow: Opener) -> Tree | None:
    if part.component.build == "main" and plan.folders.source:
        return Folder(Path(plan.folders.source))
    return follow(Download(GIT, part.key, part.address, part.ref)) if part.address else None


def _known(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield what a catalogue knows: chosen or not, its parts are brought where they are needed."""
    for part in plan.parts:
        yield GIT, same(part.address)
    for item in plan.catalogue.third_party.values():
        yield from (("text", text) for text in item.written)
        if item.address:
            yield ARCHIVES if item.by == "archive" else GIT, same(item.address)
            if item.by == "unused":
                yield ARCHIVES, same(item.address)
