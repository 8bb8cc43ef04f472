"""What is known of the models of a server, by name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from trilith import config
from trilith.contract import ConfigurationError, ErrorCode
from trilith.repository import Inventory, ModelFolder, scan
from trilith.repository.changes import Fingerprint, take
from trilith.repository.overrides import Override
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
    is_loading: bool
    """Whether it is being loaded itself, and waits with that."""


Done = Callable[[Refusal | None], None]
"""Told how something ended, on whichever thread it did."""


@dataclass(frozen=True)
class Place:
    """Where models are looked for."""

    repositories: Sequence[Path]
    configuration_name: str = ""
    """Prefers ``configs/NAME.pbtxt`` of a model over its ``config.pbtxt``."""
    namespaces: bool = False
    """Whether a name may lie in several repositories. It then stands for none of the models."""

    def scan(self) -> Inventory:
        """Look at the repositories.

        Raises:
            ConfigurationError: one cannot be read.
        """
        return scan(self.repositories, configuration_name=self.configuration_name, namespaces=self.namespaces)


@dataclass
class Record:
    """What is known of a model; changed by one task at a time, the one that is about it."""

    life: ModelLife
    fingerprint: Fingerprint | None
    """Of its folder when it was loaded; ``None`` where it has to be loaded again in any case."""
    override: Override = field(default_factory=Override)


def needs_of_life(life: ModelLife) -> list[str]:
    """List which models one needs that is served."""
    return [
        need for version in life.versions for need in config.composing_models(version.configuration.document)
    ]


def needs_among(folders: Mapping[str, ModelFolder], name: str) -> list[str]:
    """Read which of some models a model needs."""
    try:
        return [
            need for need in config.composing_models(read_draft(folders[name]).document) if need in folders
        ]
    except ConfigurationError:
        return []


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
