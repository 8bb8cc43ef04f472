"""Locks the repositories of a plan, with the closure of their submodules."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from trilith.build.discovery import same
from trilith.build.locking.model import LockedGit, LockedSubmodule
from trilith.build.model import Plan
from trilith.build.problems import BuildError, Problem
from trilith.build.repositories import (
    Remote,
    Submodule,
    cmake_files,
    obtain,
    opened,
    resolve,
    submodules,
    time_of,
    tree_of,
)
from trilith.build.store import Store

CLONED_BY = ("git", "script")
# A repository that names itself below itself would never end.
_DEPTH = 8


@dataclass(frozen=True)
class Wanted:
    """A repository of a plan."""

    name: str
    address: str
    ref: str
    submodules: bool
    """Whether its submodules are used at all."""
    only: tuple[str, ...] = ()
    """Paths of those that are used; empty for all."""
    left_out: tuple[str, ...] = ()
    left_out_reason: str = ""

    def uses(self, path: str) -> bool:
        """Say whether a submodule is used."""
        return path not in self.left_out and (not self.only or path in self.only)


@dataclass
class LockedRepositories:
    """What was found, and when the newest of it was made."""

    git: list[LockedGit] = field(default_factory=list)
    submodule: list[LockedSubmodule] = field(default_factory=list)
    newest: int = 0
    cmake: dict[str, dict[str, str]] = field(default_factory=dict)
    """By the name of a repository: its CMake files with their texts, those of its submodules too."""

    def at(self, address: str, ref: str) -> LockedGit | None:
        """Return the repository that is locked for an address and a ref, or a commit."""
        for item in self.git:
            short = item.ref.removeprefix("refs/").removeprefix("heads/").removeprefix("tags/")
            if same(item.address) == same(address) and ref in (item.ref, short, item.commit):
                return item
        return None


def wanted(plan: Plan) -> list[Wanted]:
    """Return the repositories that a plan clones, each address and ref once."""
    found: dict[tuple[str, str], Wanted] = {}
    for item in _all(plan):
        found.setdefault((same(item.address), item.ref), item)
    return list(found.values())


def lock_git(plan: Plan, store: Store, place: Remote) -> LockedRepositories:
    """Lock every repository of a plan; their objects are in the store afterwards.

    Raises:
        BuildError: everything that cannot be had.
    """
    found = LockedRepositories()
    problems: list[Problem] = []
    for item in wanted(plan):
        try:
            lock_one(item, store, place, found)
        except BuildError as error:
            problems += error.problems
    if problems:
        raise BuildError(problems)
    return found


def lock_one(item: Wanted, store: Store, place: Remote, found: LockedRepositories) -> None:
    """Lock one repository with its submodules.

    Raises:
        BuildError: it, or one of them, cannot be had.
    """
    commit, full = resolve(item.address, item.ref, item.name, place)
    obtain(store, commit, (f"git {item.name}", item.address, full), place)
    with opened(store, commit, f"git {item.name}") as repository:
        found.newest = max(found.newest, time_of(repository, commit))
        named = submodules(repository, commit, item.address) if item.submodules else []
        tree = tree_of(repository, commit)
        found.cmake[item.name] = _texts(repository, commit)
    used = [one for one in named if item.uses(one.path)]
    left = tuple(sorted(one.name for one in named if not item.uses(one.path)))
    reason = item.left_out_reason if left else ""
    ref = full or item.ref
    found.git.append(LockedGit(item.name, item.address, ref, commit, tree, left, reason))
    for one in used:
        found.submodule += _below(item, "", one, (store, place, found.cmake[item.name]), _DEPTH)


def _below(
    top: Wanted, prefix: str, item: Submodule, where: tuple[Store, Remote, dict[str, str]], depth: int
) -> Iterator[LockedSubmodule]:
    store, place, texts = where
    name = top.name
    path = f"{prefix}{item.path}"
    label = f"git {name}: submodule {path}"
    obtain(store, item.commit, (label, item.address, ""), place)
    with opened(store, item.commit, label) as repository:
        named = submodules(repository, item.commit, item.address)
        tree = tree_of(repository, item.commit)
        texts |= {f"{path}/{file}": text for file, text in _texts(repository, item.commit).items()}
    left = tuple(sorted(one.name for one in named if f"{path}/{one.path}" in top.left_out))
    yield LockedSubmodule(name, path, item.address, item.commit, tree, left)
    for one in named if depth else ():
        if one.name not in left:
            yield from _below(top, f"{path}/", one, where, depth - 1)


def _texts(repository: Path, commit: str) -> dict[str, str]:
    files = cmake_files(repository, commit)
    return {path: content.decode(errors="replace") for path, content in files.items()}


def _inside(plan: Plan, key: str) -> Iterator[str]:
    """Yield what is left out of the submodules of a repository, as paths of it."""
    for part in plan.catalogue.third_party.values():
        if part.inside == key:
            yield from (f"{part.path}/{path}" for path in part.left_out)


def _all(plan: Plan) -> Iterator[Wanted]:
    for part in plan.parts:
        own = part.component.build == "main" and plan.folders.source
        if part.address and part.component.build != "option" and not own:
            yield Wanted(part.key, part.address, part.ref, part.component.submodules)
    for closure in plan.closure:
        item = closure.part
        if item.by in CLONED_BY and item.address:
            yield Wanted(
                item.key,
                item.address,
                item.ref,
                submodules=True,
                only=item.submodules,
                left_out=(*item.left_out, *_inside(plan, item.key)),
                left_out_reason=item.left_out_reason,
            )
