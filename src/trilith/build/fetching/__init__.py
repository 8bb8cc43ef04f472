"""From a lock to a store: the one step of a build that uses a network.

- `trilith.build.repositories`, `trilith.build.downloads`: commits and archives
- `trilith.build.fetching.images`: layers of base images
- `trilith.build.fetching.packages`: what pip, cargo and apt bring, each with its own configuration

What is there is not fetched again; what stopped goes on; what came is checked before it has its name.
"""

import contextlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from trilith.build.downloads import Wish, download
from trilith.build.fetching.images import fetch_layers
from trilith.build.fetching.packages import fetch_crates, fetch_debian, fetch_wheel
from trilith.build.locking.model import Lock
from trilith.build.locking.sources import lock_source
from trilith.build.mirrors import Mirrors
from trilith.build.problems import BuildError, Problem
from trilith.build.progress import Progress, Silent
from trilith.build.repositories import Remote, obtain, remote
from trilith.build.store import Store, default_store, disk_problem, system_problem
from trilith.build.threads import together

__all__ = ["Origin", "count", "fetch"]

AT_ONCE = 4
"""How many items are fetched at once: enough to fill a line, few enough for a small mirror."""


@dataclass(frozen=True)
class Origin:
    """Where things come from on this machine."""

    mirrors: Mirrors
    source: Path | None = None
    """The source tree that was locked; needed where this user's own store does not have it."""
    near: Store | None = None
    """Another store to look at first; this user's own if it is not named."""


@dataclass(frozen=True)
class _Task:
    name: str
    work: Callable[[], object]


def count(lock: Lock) -> int:
    """Return how many steps a fetch takes."""
    single = bool(lock.source) + bool(lock.debian) + bool(lock.catalogue_sha256)
    images = sum(1 for item in lock.image if item.layers)
    return len(lock.commits()) + len(lock.archive) + len(lock.wheel) + images + single


def fetch(lock: Lock, store: Store, origin: Origin, progress: Progress | None = None) -> None:
    """Bring everything that a lock names into a store.

    Raises:
        BuildError: everything that cannot be had; what could is kept.
    """
    told = progress or Silent()
    near = origin.near or Store(default_store())
    store.tidy()
    _copy_near(lock, store, near)
    with tempfile.TemporaryDirectory() as folder:
        place = remote(origin.mirrors, Path(folder))
        problems = _all(_tasks(lock, store, origin, (place, told)), store, told)
    if problems:
        raise BuildError(problems)


def _tasks(lock: Lock, store: Store, origin: Origin, how: tuple[Remote, Progress]) -> list[_Task]:
    place, told = how
    tasks = [
        _Task(item[0], partial(obtain, store, commit, item, place)) for commit, item in _commits(lock).items()
    ]
    wishes = [Wish(f"archive {item.name}", item.address, item.sha256) for item in lock.archive]
    tasks += [
        _Task(wish.name, partial(download, wish, store, origin.mirrors, told.advance)) for wish in wishes
    ]
    tasks += [
        _Task(f"wheel {wheel.file}", partial(fetch_wheel, lock, wheel, store, origin.mirrors))
        for wheel in lock.wheel
    ]
    tasks += [
        _Task(f"image {image.name}", partial(fetch_layers, image, store, origin.mirrors))
        for image in lock.image
        if image.layers
    ]
    if lock.source:
        tasks.append(_Task("sources and crates", partial(_sources, lock, store, origin)))
    if lock.debian:
        tasks.append(_Task("packages", partial(fetch_debian, lock, store)))
    if lock.catalogue_sha256:
        tasks.append(_Task("catalogue", partial(store.check, lock.catalogue_sha256, "catalogue")))
    return tasks


def _all(tasks: Sequence[_Task], store: Store, told: Progress) -> list[Problem]:
    """Do all, some at once; one that fails does not stop the others."""

    def one(task: _Task) -> Sequence[Problem]:
        try:
            task.work()
        except BuildError as error:
            return error.problems
        except OSError as error:
            return [system_problem(error, store.root, task.name)]
        told.done(task.name)
        return ()

    return [
        problem for found in together([partial(one, task) for task in tasks], AT_ONCE) for problem in found
    ]


def _commits(lock: Lock) -> dict[str, tuple[str, str, str]]:
    refs = {item.commit: item.ref for item in lock.git}
    return {
        commit: (name, address, refs.get(commit, "")) for commit, (name, address) in lock.commits().items()
    }


def _copy_near(lock: Lock, store: Store, near: Store) -> None:
    """Copy what another store of this machine has already; it is checked like all that comes."""
    if near.root.resolve() == store.root.resolve():
        return
    for sha256, name in lock.blobs().items():
        if near.blob(sha256).is_file() and not store.blob(sha256).is_file():
            with store.scratch() as folder, contextlib.suppress(BuildError):
                try:
                    store.put(near.take(sha256, name, folder / "copy"), sha256, name)
                except OSError as error:
                    problem = disk_problem(error, store.root, name)
                    raise BuildError([problem]) if problem else error from error
    for commit in lock.commits():
        if near.pack(commit).is_file() and not store.pack(commit).is_file():
            with store.scratch() as folder:
                (folder / "pack").write_bytes(near.pack(commit).read_bytes())
                store.put_pack(folder / "pack", commit)


def _sources(lock: Lock, store: Store, origin: Origin) -> None:
    """Bring the source tree, and then the crates that it names."""
    for item in lock.source:
        if store.blob(item.sha256).is_file():
            continue
        if origin.source is None:
            raise BuildError(
                [
                    Problem(
                        "its sources are not in the store of this user",
                        field=item.name,
                        suggestion="fetch where it was locked, or name the source tree with --source",
                    )
                ]
            )
        found = lock_source(item.name, origin.source, store)
        if found.sha256 != item.sha256:
            raise BuildError(
                [
                    Problem(
                        f"the sources in {origin.source} are not those that were locked",
                        field=item.name,
                        suggestion="lock them again with trilith build lock",
                    )
                ]
            )
    fetch_crates(lock, store, origin.mirrors)
