"""Locks what the sources of a plan fetch beside what its catalogue names."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from trilith.build.cmake import ARCHIVES, GIT, Download, Tree
from trilith.build.discovery import Finding, Texts, discover, same, unknown
from trilith.build.locking.git import LockedRepositories, Wanted, lock_one
from trilith.build.locking.model import LockedGit
from trilith.build.model import Plan
from trilith.build.problems import BuildError
from trilith.build.repositories import Remote
from trilith.build.store import Store

_ADVICE = "a table [third_party.NAME] of the catalogue brings it into the lock"


@dataclass
class Discovered:
    """Archives that sources name, and what could not be locked."""

    archives: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class _Opener:
    """Opens repositories of a lock; those that CMake surely clones join it."""

    store: Store
    place: Remote
    found: LockedRepositories
    failed: dict[str, str] = field(default_factory=dict)

    def __call__(self, item: Download) -> Tree | None:
        locked = self.found.at(item.address, item.ref)
        if locked is None and item.certain and item.ref and item.where not in self.failed:
            locked = self._lock(item)
        return Texts(self.found.cmake[locked.name]) if locked and locked.name in self.found.cmake else None

    def _lock(self, item: Download) -> LockedGit | None:
        name = f"{item.name} of {item.file.partition('/')[0]}"
        try:
            lock_one(
                Wanted(name, item.address, item.ref, submodules=True), self.store, self.place, self.found
            )
        except BuildError as error:
            self.failed[item.where] = "; ".join(problem.message for problem in error.problems)
        return self.found.at(item.address, item.ref)


def lock_discovered(plan: Plan, store: Store, place: Remote, found: LockedRepositories) -> Discovered:
    """Look into the locked sources of a plan, and lock the repositories that they clone besides.

    Args:
        plan: what is built.
        store: where objects go.
        place: how repositories are reached.
        found: what is locked; what is found joins it.

    Returns:
        archives that the catalogue does not name, and notes on what only CMake itself will know.
    """
    opener = _Opener(store, place, found)
    findings = discover(plan, opener)
    result = Discovered()
    for finding in unknown(plan, findings):
        item = finding.download
        if item.kind == GIT and found.at(item.address, item.ref):
            continue
        if item.kind == ARCHIVES and item.address and item.certain:
            result.archives.append(finding)
        else:
            result.notes.append(_note(finding, opener.failed.get(item.where, "")))
    result.notes += _wrong_refs(plan, findings, found)
    return result


def _note(finding: Finding, failed: str) -> str:
    item = finding.download
    if failed:
        return f"not in the lock: {finding}: {failed}"
    if not item.address:
        return f"not in the lock: {finding} is put together while CMake runs; {_ADVICE}, with 'written'"
    return f"not in the lock: {finding} is fetched only under some conditions; {_ADVICE}"


def _wrong_refs(plan: Plan, findings: Iterable[Finding], found: LockedRepositories) -> Iterable[str]:
    """Yield what is locked at another ref than the sources ask for."""
    names = {same(item.part.address): item.part.ref for item in plan.closure if item.part.by == "git"}
    for finding in findings:
        item = finding.download
        here = item.kind == GIT and item.certain and item.ref and same(item.address) in names
        if here and names[same(item.address)] and not found.at(item.address, item.ref):
            yield f"not in the lock: {finding}; the catalogue names {names[same(item.address)]}"
