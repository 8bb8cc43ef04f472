"""From a plan to a lock: what everything is that a build is made from.

- `trilith.build.locking.model`, `trilith.build.locking.text`: the lock, and its file
- `trilith.build.locking.git`, `wheels`, `sources`, `debian`, `images`: who is asked for each kind
- `trilith.build.locking.indexes`, `signatures`: whether apt was told the truth
- `trilith.build.locking.roots`: base images that lie on this machine
- `trilith.build.locking.comparing`: what moved
"""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from trilith.build.discovery import Finding
from trilith.build.downloads import Wish, download
from trilith.build.files.common import BUILDS, RUNS, image_name, packages
from trilith.build.locking.comparing import moved
from trilith.build.locking.debian import (
    ESSENTIAL,
    Wanted,
    architecture_of,
    lock_packages,
    snapshot,
)
from trilith.build.locking.discovering import lock_discovered
from trilith.build.locking.git import lock_git
from trilith.build.locking.images import lock_image
from trilith.build.locking.indexes import Indexes, lock_indexes
from trilith.build.locking.model import (
    Lock,
    LockedArchive,
    LockedDebian,
    LockedImage,
    LockedSource,
    LockedWheel,
)
from trilith.build.locking.roots import PACKAGES, installed, lock_root
from trilith.build.locking.sources import FILE, build_requirements, commit_time, lock_crates, lock_source
from trilith.build.locking.text import digest_of, from_text, read_lock, to_text
from trilith.build.locking.wheels import interpreter_version, lock_wheels, target_words
from trilith.build.model import Plan
from trilith.build.problems import BuildError, Problem
from trilith.build.processes import version_of
from trilith.build.repositories import remote
from trilith.build.secrets import refuse_secrets
from trilith.build.store import Store

__all__ = [
    "FILE",
    "Lock",
    "Place",
    "digest_of",
    "from_text",
    "lock",
    "moved",
    "read_lock",
    "refresh",
    "to_text",
]

# When archives of the zip format begin; for builds of which nothing says when their sources were made.
EARLIEST = 315532800
# Folders and words of one run, and what may be a secret, are no part of a selection.
_NOT_OPTIONS = frozenset(
    (
        "build-dir",
        "install-dir",
        "cmake-dir",
        "tmp-dir",
        "mirrors",
        "config",
        "dryrun",
        "verbose",
        "quiet",
        "build-secret",
        "build-parallel",
        "use-user-docker-config",
        "no-force-clone",
    )
)
_TOOLS = {"git": ["git", "--version"], "cargo": ["cargo", "--version"], "cmake": ["cmake", "--version"]}


@dataclass(frozen=True)
class Place:
    """What a lock is made with on this machine."""

    store: Store
    source: Path = field(default_factory=Path.cwd)
    """Source tree of this server, for its own catalogue."""
    bases: Mapping[str, str] = field(default_factory=dict)
    """Base images that lie on this machine: folders, images, or ``packages``."""
    debian: bool = False
    """Whether packages of the running system are locked; for builds in containers they always are."""


def lock(plan: Plan, place: Place) -> Lock:
    """Lock a plan; what had to be fetched for it is in the store.

    Raises:
        BuildError: everything that cannot be had.
    """
    refuse_secrets(plan, rules=False)
    with place.store.scratch() as scratch:
        reached = remote(plan.mirrors, scratch)
        repositories = lock_git(plan, place.store, reached)
        discovered = lock_discovered(plan, place.store, reached, repositories)
    version = interpreter_version(plan)
    notes = [
        f"{item.part.key} is built by {item.part.by}: what it fetches is not locked"
        for item in plan.closure
        if item.part.by in ("engine", "wheel")
    ]
    found = _found_archives(discovered.archives, plan, place.store, notes)
    notes += discovered.notes
    images = _images(plan, place, notes)
    own = plan.catalogue.head.builder == "wheel"
    debian, indexes = _debian(plan, place)
    notes += indexes.notes
    newest = repositories.newest or (commit_time(place.source) if own else 0)
    return Lock(
        catalogue=plan.catalogue.head.name,
        plan=plan.digest,
        source_date_epoch=int(os.environ.get("SOURCE_DATE_EPOCH") or newest or EARLIEST),
        catalogue_sha256=_catalogue(plan, place.store),
        debian_snapshot=snapshot() if debian else "",
        notes=tuple(notes),
        target={"platform": plan.platform.text, "machine": plan.machine.text, "interpreter": version},
        tools={}
        if plan.containers
        else _tools(own=own),  # containers have their own, from image and packages
        options={
            name: tuple(choice.value for choice in choices)
            for name, choices in sorted(plan.selection.choices.items())
            if name not in _NOT_OPTIONS and choices
        },
        source=_source(plan, place) if own else (),
        git=tuple(sorted(repositories.git)),
        submodule=tuple(sorted(set(repositories.submodule))),
        archive=tuple(sorted({*_archives(plan, place.store), *found})),
        wheel=_wheels(plan, place, version),
        crate=tuple(lock_crates(place.source)) if own else (),
        index=indexes.locked,
        debian=tuple(debian),
        image=images,
    )


def refresh(before: Lock, plan: Plan, place: Place) -> Lock:
    """Keep the pins of a lock for the same plan, and look at this machine's own sources again.

    Raises:
        BuildError: there are none.
    """
    if plan.catalogue.head.builder != "wheel":
        return before
    return replace(before, source=_source(plan, place), crate=tuple(lock_crates(place.source)))


def _source(plan: Plan, place: Place) -> tuple[LockedSource, ...]:
    folders = plan.folders
    without = Path(folders.output)
    return (lock_source(plan.catalogue.head.main, place.source, place.store, without),)


def _archives(plan: Plan, store: Store) -> tuple[LockedArchive, ...]:
    found: list[LockedArchive] = []
    problems: list[Problem] = []
    for item in plan.closure:
        part = item.part
        if part.by != "archive":
            continue
        sha256 = part.sha256
        try:
            sha256 = sha256 or download(Wish(f"archive {part.key}", part.address), store, plan.mirrors)
        except BuildError as error:
            problems += error.problems
        else:
            path = store.blob(sha256)
            found.append(
                LockedArchive(part.key, part.address, sha256, path.stat().st_size if not part.sha256 else 0)
            )
    if problems:
        raise BuildError(problems)
    return tuple(sorted(found))


def _found_archives(
    findings: Sequence[Finding], plan: Plan, store: Store, notes: list[str]
) -> list[LockedArchive]:
    """Lock archives that sources name and the catalogue does not; a note where one cannot be had.

    Where sources name several addresses of one archive, one that answers is enough.
    """
    found: dict[str, LockedArchive] = {}
    failed: list[tuple[Finding, str]] = []
    for finding in findings:
        item = finding.download
        if item.sha256 in found:
            continue
        name = f"{item.name} of {item.file}"
        try:
            sha256 = download(Wish(f"archive {name}", item.address, item.sha256), store, plan.mirrors)
        except BuildError as error:
            failed.append((finding, "; ".join(one.message for one in error.problems)))
        else:
            size = 0 if item.sha256 else store.blob(sha256).stat().st_size
            found[item.sha256 or item.address] = LockedArchive(name, item.address, sha256, size)
    for finding, reason in failed:
        if finding.download.sha256 not in found:
            notes.append(f"not in the lock: {finding}: {reason}")
    return list(found.values())


def _wheels(plan: Plan, place: Place, version: str) -> tuple[LockedWheel, ...]:
    here = platform.machine().lower()
    words = target_words(plan.machine.text, version, {"amd64": "x86_64", "arm64": "aarch64"}.get(here, here))
    run: dict[str, Sequence[str]] = {
        part.key: part.component.python_requirements
        for part in plan.parts
        if part.component.python_requirements
    }
    build: dict[str, Sequence[str]] = {}
    own = plan.catalogue.head.builder == "wheel"
    if own:
        build["build"] = [*build_requirements(place.source), *plan.catalogue.packages.python_build]
    elif plan.containers:
        build["build"] = plan.catalogue.packages.python_build
    # Tools of a build run where it is built, which need not be what it is built for.
    found = lock_wheels(run, "run", words, plan.mirrors)
    return tuple(
        sorted([*found, *lock_wheels(build, "build", words if plan.containers else [], plan.mirrors)])
    )


def _images(plan: Plan, place: Place, notes: list[str]) -> tuple[LockedImage, ...]:
    unknown = [name for name in place.bases if name not in plan.images]
    if unknown:
        known = ", ".join(plan.images) or "none"
        raise BuildError(
            [
                Problem(f"there is no image '{name}' in this plan", suggestion=f"there are {known}")
                for name in unknown
            ]
        )
    roots = {
        base: lock_root(name, base, plan.machine.text, place.store)
        for name, base in sorted(place.bases.items(), reverse=True)
    }
    found = [replace(roots[base], name=name) for name, base in place.bases.items()]
    for name, reference in plan.images.items():
        if plan.containers and name not in place.bases:
            image, note = lock_image(name, reference, plan.machine.text, plan.mirrors)
            found.append(image)
            notes += [note] if note else []
    return tuple(sorted(found))


def _catalogue(plan: Plan, store: Store) -> str:
    """Keep a catalogue that does not ship with the builder."""
    from trilith.build.catalogue import names  # noqa: PLC0415

    if plan.catalogue.head.name in names() or not plan.catalogue.file:
        return ""
    return store.put_bytes(Path(plan.catalogue.file).read_bytes())


def _tools(*, own: bool) -> dict[str, str]:
    needed = ("cargo",) if own else ("cmake", "git")
    found = {name: version_of(_TOOLS[name]).split(" (")[0] for name in needed}
    if own:
        found["interpreter"] = platform.python_version()
    return {name: text for name, text in found.items() if text}


def _debian(plan: Plan, place: Place) -> tuple[list[LockedDebian], Indexes]:
    """Lock packages; those of the machine that builds only where that is a container."""
    if not (place.debian or plan.containers) or plan.platform.text == "rhel":
        return [], Indexes()
    run_names, build_names = packages(plan, "run"), packages(plan, "build") if plan.containers else []
    bases = {name: _base_of(plan, place, name) for name in (RUNS, BUILDS)}
    # A build runs package managers: what it stands on has to be a whole system.
    if build_names and bases[BUILDS] == PACKAGES:
        build_names += [*ESSENTIAL, *_in_place_of(plan, image_name(plan, BUILDS))]
    found = lock_packages(
        Wanted(run_names, installed(bases[RUNS])),
        Wanted(build_names, installed(bases[BUILDS])),
        plan.machine.text,
    )
    return found, lock_indexes(architecture_of(plan.machine.text), found)


def _in_place_of(plan: Plan, name: str) -> list[str]:
    """Return the packages that bring what an image of the catalogue does."""
    return [package for image in plan.catalogue.images if image.name == name for package in image.debian]


def _base_of(plan: Plan, place: Place, what: str) -> str:
    return place.bases.get(image_name(plan, what), "")
