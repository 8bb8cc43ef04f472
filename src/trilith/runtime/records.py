"""What is known of the models of a server."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from trilith import config
from trilith.contract import ConfigurationError, ErrorCode
from trilith.repository import Inventory, ModelFolder, scan
from trilith.repository.changes import Fingerprint, take
from trilith.repository.names import key_of, resolve, split_key
from trilith.repository.overrides import Override
from trilith.repository.scan import list_keys
from trilith.runtime.blueprint import read_draft
from trilith.runtime.life import ModelLife


@dataclass(frozen=True)
class Refusal:
    """Why something could not be done."""

    message: str
    code: ErrorCode = ErrorCode.INTERNAL


@dataclass(frozen=True)
class Asker:
    """A model that asks for something to be done to models."""

    model: str
    """Its key."""
    is_loading: bool
    """Whether it is being loaded itself, and waits with that."""


Done = Callable[[Refusal | None], None]
"""Told how something ended, on whichever thread it did."""


class Gathering:
    """Waits for the ends of several things that were asked for as one, and tells of them as one."""

    def __init__(self, count: int, done: Done) -> None:
        """Wait for so many."""
        self._lock = threading.Lock()
        self._left = count
        self._done = done
        self._refusals: list[Refusal] = []

    def note(self, refusal: Refusal | None) -> None:
        """Note one end; the last one is told on."""
        with self._lock:
            self._left -= 1
            if refusal is not None:
                self._refusals.append(refusal)
            is_last, refusals = self._left == 0, self._refusals
        if is_last:
            message = "\n".join(one.message for one in refusals)
            self._done(Refusal(message, refusals[0].code) if refusals else None)


@dataclass(frozen=True)
class Place:
    """Where models are looked for."""

    repositories: Sequence[Path]
    configuration_name: str = ""
    """Prefers ``configs/NAME.pbtxt`` of a model over its ``config.pbtxt``."""
    namespaces: bool = False
    """Whether each repository has names of its own."""

    def scan(self) -> Inventory:
        """Look at the repositories.

        Raises:
            ConfigurationError: one cannot be read.
        """
        return scan(self.repositories, configuration_name=self.configuration_name, namespaces=self.namespaces)

    def keys(self) -> list[str]:
        """List the models of the repositories; of one that cannot be read, none."""
        try:
            return list_keys(self.repositories, namespaces=self.namespaces)
        except ConfigurationError:
            return []


@dataclass
class Record:
    """What is known of a model; changed by one task at a time, the one that is about it."""

    life: ModelLife
    fingerprint: Fingerprint | None
    """Of its folder when it was loaded; ``None`` where it has to be loaded again in any case."""
    override: Override = field(default_factory=Override)


def needs_of_life(life: ModelLife) -> list[str]:
    """List which models one needs that is served."""
    needs = (
        key_of(name, member.namespace)
        for version in life.versions
        for (name, _), member in version.members.items()
    )
    return list(dict.fromkeys(needs))


def needs_among(folders: Mapping[str, ModelFolder], key: str) -> list[str]:
    """Read which of some models a model needs."""
    _, namespace = split_key(key)
    try:
        names = config.composing_models(read_draft(folders[key]).document)
    except ConfigurationError:
        return []
    needs = (resolve(name, namespace, folders.keys()) for name in names)
    return [need for need in dict.fromkeys(needs) if need in folders]


def is_current(record: Record | None, folder: ModelFolder) -> bool:
    """Whether a model is loaded, or failed to, from what its folder holds now."""
    if record is None or record.fingerprint is None:
        return False
    try:
        return is_same(record, take(folder.directory), Override())
    except OSError:
        return True  # it is on its way out; the next look settles it


def is_same(record: Record, fingerprint: Fingerprint, override: Override) -> bool:
    """Whether a model was loaded from these files and this configuration."""
    same = record.fingerprint is not None and not record.fingerprint.differs_in(fingerprint)
    return same and not override and not record.override


def path_inside(folder: ModelFolder) -> str:
    """Path of the configuration inside the model's folder."""
    if folder.configuration is None:
        return ""
    return folder.configuration.relative_to(folder.directory).as_posix()
