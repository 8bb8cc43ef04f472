"""What a lock says was chosen."""

from collections.abc import Mapping

from trilith.build.catalogue import Catalogue, load, names
from trilith.build.locking.model import Lock
from trilith.build.problems import BuildError, Problem
from trilith.build.selection import Choice, Selection
from trilith.build.store import Store

ORIGIN = "lock"


def selection_of(lock: Lock, besides: Mapping[str, tuple[Choice, ...]] | None = None) -> Selection:
    """Return the selection of a lock, with choices that are no part of one: folders, how much is said."""
    choices = {
        name: tuple(Choice(value, ORIGIN) for value in values) for name, values in lock.options.items()
    }
    return Selection({**choices, **(besides or {})})


def catalogue_of(lock: Lock, store: Store) -> Catalogue:
    """Return the catalogue of a lock: one that ships, or the file that was locked with it.

    Raises:
        BuildError: it is neither.
    """
    if lock.catalogue in names():
        return load(lock.catalogue)
    if not lock.catalogue_sha256:
        raise BuildError(
            [
                Problem(
                    f"the lock is for a catalogue '{lock.catalogue}' that this builder does not have",
                    suggestion="name its file with --catalogue",
                )
            ]
        )
    with store.scratch() as folder:
        file = store.take(lock.catalogue_sha256, "catalogue", folder / f"{lock.catalogue}.toml")
        return load(str(file))
