"""What a model is to be, from what was written about it, before anything of it is loaded."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trilith import config
from trilith.contract import BrickKind, ConfigurationError, LoadError, Problem
from trilith.runtime.ensembles import ENSEMBLE
from trilith.runtime.hosts import choose_isolation

if TYPE_CHECKING:
    from pathlib import Path

    from trilith.repository import ModelFolder
    from trilith.runtime.bricks import Brick, Catalogue

INSTANCES = "instance_group"
"""The one field of a configuration that can change while a model serves."""


@dataclass(frozen=True)
class Blueprint:
    """What a model is to be, before anything of it is loaded."""

    draft: config.Draft
    brick: "Brick"
    versions: tuple[int, ...]
    isolation: str
    document: Mapping[str, Any] | None = None
    """The configuration as a backend completed it; what was written, where none did."""

    def differs_in_instances_alone(self, other: "Blueprint") -> bool:
        """Whether another blueprint leads to the same model with other instances."""
        mine, others = (without_instances(one.draft.document) for one in (self, other))
        return self.leads_to_same_versions(other) and mine == others

    def leads_to_same_versions(self, other: "Blueprint | None") -> bool:
        """Whether another blueprint leads to the same versions on the same backend."""
        return other is not None and (self.versions, self.isolation, self.brick) == (
            other.versions,
            other.isolation,
            other.brick,
        )


def without_instances(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a configuration that cannot change while a model serves."""
    return {key: value for key, value in document.items() if key != INSTANCES}


@contextmanager
def placing(blueprint: Blueprint, version: int) -> Iterator[None]:
    """Say where in the file stands what a backend finds to contradict the model.

    Raises:
        LoadError: the backend found some; each has file and line, and the version where there are several.
    """
    try:
        yield
    except ConfigurationError as error:
        several = len(blueprint.versions) > 1
        raise LoadError(str(config.place(error, blueprint.draft, version if several else None))) from error


def read_draft(folder: "ModelFolder") -> config.Draft:
    """Read what was written about a model.

    Raises:
        ConfigurationError: the configuration is wrong; every problem is named.
    """
    if folder.override:
        return config.parse_json(folder.override, folder.name)
    if folder.configuration:
        return config.read(folder.configuration, folder.name)
    return config.empty(folder.name)


def draw_blueprint(folder: "ModelFolder", catalogue: "Catalogue") -> Blueprint:
    """Read a model's configuration and decide on its backend, versions and isolation.

    Raises:
        ConfigurationError: the configuration is wrong, or no version is left; every problem is named.
    """
    try:
        draft, problems = read_draft(folder), []
    except config.UnreadableError as error:
        if error.remains is None:
            raise
        draft, problems = error.remains, list(error.problems)
    versions, brick = _choose_versions(draft, folder, problems), None
    latest = str(max(versions or folder.versions, default=1))
    isolation = ""
    try:
        brick = _choose_brick(draft, folder.directory / latest, catalogue)
        if brick and draft.is_sound("parameters"):
            isolation = choose_isolation(draft.document, brick.manifest, draft.file)
    except ConfigurationError as error:
        problems += error.problems
    if problems or brick is None:
        raise ConfigurationError(_with_all_others(draft, problems))
    return Blueprint(draft, brick, tuple(versions), isolation)


def _choose_versions(draft: config.Draft, folder: "ModelFolder", problems: list[Problem]) -> list[int]:
    if draft.is_sound("version_policy"):
        try:
            return config.choose_versions(draft, folder.versions)
        except ConfigurationError as error:
            problems += error.problems
    return []


def _choose_brick(draft: config.Draft, version_directory: "Path", catalogue: "Catalogue") -> "Brick | None":
    """Find the backend; ``None`` where what names it is mistaken."""
    if config.is_ensemble(draft.document):
        return ENSEMBLE
    if not draft.is_sound("backend", "platform", "default_model_filename", "ensemble_scheduling"):
        return None
    bricks = catalogue.of_kind(BrickKind.BACKEND)
    manifests = [brick.manifest for brick in bricks.values()]
    return bricks[config.choose_backend(draft, version_directory, manifests)]


def _with_all_others(draft: config.Draft, problems: Sequence[Problem]) -> list[Problem]:
    """Add what else is wrong, and put all into the order of the file; what has no line comes last."""
    from trilith.config.remains import review  # noqa: PLC0415 - most configurations are right

    found = [*problems, *(other for other in review(draft) if other not in problems)]
    last = max(problem.line for problem in found) + 1
    return sorted(found, key=lambda problem: problem.line or last)
