"""Looks into the sources of a plan that are on this machine: in mirrors that are folders, or in a store."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from trilith.build.cmake import Download, Tree
from trilith.build.discovery import Texts, discover, same, unknown
from trilith.build.locking.model import Lock, LockedGit
from trilith.build.mirrors import Mirrors
from trilith.build.model import Plan
from trilith.build.problems import BuildError
from trilith.build.processes import ProgramError, run
from trilith.build.repositories import cmake_files, opened
from trilith.build.store import Store


@dataclass
class Shelf:
    """Repositories of this machine."""

    mirrors: Mirrors
    locked: tuple[Lock, Store] | None = None
    missing: set[str] = field(default_factory=set)
    """Addresses of those that were not there."""
    _texts: dict[tuple[str, str], Texts | None] = field(default_factory=dict)

    def open(self, item: Download) -> Tree | None:
        """Open a repository that is fetched; ``None`` where it is not on this machine."""
        key = (same(item.address), item.ref)
        if key not in self._texts:
            self._texts[key] = self._from_store(item) or self._from_folder(item)
        if self._texts[key] is None:
            self.missing.add(item.address)
        return self._texts[key]

    def _from_store(self, item: Download) -> Texts | None:
        if self.locked is None:
            return None
        lock, store = self.locked
        for one in lock.git:
            short = one.ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
            if same(one.address) == same(item.address) and item.ref in (one.ref, short, one.commit):
                return _stored(lock, one, store)
        return None

    def _from_folder(self, item: Download) -> Texts | None:
        place = _folder(self.mirrors.send("git", item.address))
        if place is None or not item.ref:
            return None
        for ref in (item.ref, f"origin/{item.ref}"):
            try:
                words = ["git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"]
                commit = run(words, folder=place).decode().strip()
                return Texts(_read(cmake_files(place, commit)))
            except ProgramError:
                continue
        return None


def look(plan: Plan, shelf: Shelf) -> tuple[list[str], list[str]]:
    """Look for what the sources of a plan fetch beside what its catalogue names.

    Returns:
        lines on addresses that no rule covers, and on addresses that only CMake itself knows.
    """
    uncovered, unresolved = [], []
    for finding in unknown(plan, discover(plan, shelf.open)):
        item = finding.download
        sure = "" if item.certain else ", under some conditions"
        if not item.address or (item.kind == "git" and not item.ref):
            unresolved.append(f"{item.kind}: {finding}: put together while CMake runs{sure}")
        elif not plan.mirrors.rule(item.kind, item.address):
            uncovered.append(f"{item.kind}: {finding}{sure}")
    return uncovered, unresolved


def _stored(lock: Lock, item: LockedGit, store: Store) -> Texts | None:
    found: dict[str, str] = {}
    for prefix, commit in _commits(lock, item):
        try:
            with opened(store, commit, f"git {item.name}") as repository:
                files = cmake_files(repository, commit)
        except BuildError:
            return None
        found |= {f"{prefix}{path}": text for path, text in _read(files).items()}
    return Texts(found)


def _commits(lock: Lock, item: LockedGit) -> Iterator[tuple[str, str]]:
    yield "", item.commit
    for one in lock.submodule:
        if one.of == item.name:
            yield f"{one.path}/", one.commit


def _read(files: dict[str, bytes]) -> dict[str, str]:
    return {path: content.decode(errors="replace") for path, content in files.items()}


def _folder(target: str) -> Path | None:
    """Return the folder of a repository; ``None`` where its address is none of this machine."""
    if not target.startswith(("/", "file:")):
        return None
    path = Path(unquote(urlsplit(target).path) if target.startswith("file:") else target)
    plain = Path(same(str(path)))
    candidates = [path, plain, plain.with_name(f"{plain.name}.git")]
    return next((one for one in candidates if one.is_dir()), None)
