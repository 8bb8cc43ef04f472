"""What the sources of a plan fetch by themselves, held against what its catalogue knows of them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from trilith.build.catalogue.schema import ThirdParty
from trilith.build.cmake import ARCHIVES, GIT, Download, Tree, find
from trilith.build.model import Part, Plan

_TEXT, _UNUSED = "text", "unused"
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
    """Yield what is surely fetched and not part of the plan, or maybe fetched and not in the catalogue."""
    everything = set(_known(plan, plan.catalogue.third_party.values()))
    planned = set(_known(plan, (item.part for item in plan.closure)))
    for finding in findings:
        item = finding.download
        known = planned if item.certain else everything
        if not known & {(item.kind, same(item.address)), (_TEXT, item.text), (_UNUSED, same(item.address))}:
            yield finding


def same(address: str) -> str:
    """Return an address as it is compared: git does not need its ending."""
    return address.rstrip("/").removesuffix(".git")


def _sources(plan: Plan, part: Part, follow: Opener) -> Tree | None:
    if part.component.build == "main" and plan.folders.source:
        return Folder(Path(plan.folders.source))
    return follow(Download(GIT, part.key, part.address, part.ref)) if part.address else None


def _known(plan: Plan, parts: Iterable[ThirdParty]) -> Iterator[tuple[str, str]]:
    for part in plan.parts:
        yield GIT, same(part.address)
    for third in plan.catalogue.third_party.values():
        yield from ((_TEXT, text) for text in third.written)
        if third.by == _UNUSED:
            yield _UNUSED, same(third.address)
    for item in parts:
        yield ARCHIVES if item.by == "archive" else GIT, same(item.address)
