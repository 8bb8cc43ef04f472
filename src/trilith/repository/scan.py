"""Which models and versions lie in the repositories. Reads folder names, never a model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from trilith.contract import ConfigurationError, Problem
from trilith.repository.filesystem import Filesystem, LocalFilesystem

CONFIGURATION_FILE = "config.pbtxt"


@dataclass(frozen=True)
class ModelFolder:
    """A model as it lies in a repository."""

    name: str
    directory: Path
    versions: tuple[int, ...]
    """Numbers of its version folders, ascending."""
    configuration: Path | None
    """Its ``config.pbtxt``, or the variant asked for; ``None`` where it has none."""
    override: str = ""
    """JSON of a ``ModelConfig`` that a client gave in place of the file."""
    is_temporary: bool = False
    """Whether a client brought its files: the folder goes with the model."""

    def overridden(self, configuration: str) -> "ModelFolder":
        """Return the same folder with JSON in place of its configuration; empty for no change."""
        return replace(self, override=configuration)


@dataclass(frozen=True)
class Inventory:
    """Everything found in the repositories."""

    models: tuple[ModelFolder, ...]
    """Models to load, in the order of the repositories, by name within each."""
    refused: Mapping[str, str]
    """Names that cannot be loaded, with the reason: they lie in several repositories, or are unreadable."""
    ambiguous: Mapping[str, str] = field(default_factory=dict)
    """With namespaces: names that stand for models of several repositories, with the reason to tell."""


def scan(
    repositories: Sequence[Path],
    filesystem: Filesystem | None = None,
    configuration_name: str = "",
    *,
    namespaces: bool = False,
) -> Inventory:
    """Find the models of all repositories.

    Args:
        repositories: folders of model folders; one that is named twice is read once.
        filesystem: where they lie; this machine's by default.
        configuration_name: prefer ``configs/NAME.pbtxt`` over ``config.pbtxt`` where a model has it.
        namespaces: whether a name may lie in several repositories.

    Raises:
        ConfigurationError: repositories are missing or cannot be read; all of them are named.
    """
    store = filesystem or LocalFilesystem()
    found: dict[str, list[Path]] = {}
    problems: list[Problem] = []
    for repository in dict.fromkeys(Path(path).absolute() for path in repositories):
        try:
            names = store.folders(repository)
        except OSError as error:
            problems.append(_unreadable(repository, error))
            continue
        for name in names:
            if not name.startswith("."):
                found.setdefault(name, []).append(repository / name)
    if problems:
        raise ConfigurationError(problems)
    models: list[ModelFolder] = []
    refused: dict[str, str] = {}
    ambiguous: dict[str, str] = {}
    for name, places in found.items():
        if len(places) > 1:
            (ambiguous if namespaces else refused)[name] = _clash(name, places)
            continue
        try:
            models.append(_look_into(store, places[0], configuration_name))
        except OSError as error:
            refused[name] = f"{places[0]}: the model's folder cannot be read: {error.strerror or error}"
    return Inventory(models=tuple(models), refused=refused, ambiguous=ambiguous)


def _look_into(store: Filesystem, directory: Path, configuration_name: str) -> ModelFolder:
    candidates = [directory / CONFIGURATION_FILE]
    if configuration_name:
        candidates.insert(0, directory / "configs" / f"{configuration_name}.pbtxt")
    return ModelFolder(
        name=directory.name,
        directory=directory,
        versions=_list_versions(store, directory),
        configuration=next((path for path in candidates if store.exists(path)), None),
    )


def relocate(folder: ModelFolder, directory: Path) -> ModelFolder:
    """Return a model that lies in another folder than the one where it was found.

    Raises:
        OSError: that folder cannot be read.
    """
    store = LocalFilesystem()
    candidates = [CONFIGURATION_FILE]
    if folder.configuration is not None:
        candidates.insert(0, folder.configuration.relative_to(folder.directory).as_posix())
    paths = [directory / name for name in candidates]
    return replace(
        folder,
        directory=directory,
        versions=_list_versions(store, directory),
        configuration=next((path for path in paths if store.exists(path)), None),
    )


def _list_versions(store: Filesystem, directory: Path) -> tuple[int, ...]:
    return tuple(sorted(int(name) for name in store.folders(directory) if is_version(name)))


def is_version(name: str) -> bool:
    """Say whether a folder's name is a version: a plain positive number (``1``, not ``01`` nor ``v1``)."""
    return name.isascii() and name.isdecimal() and not name.startswith("0")


def _unreadable(repository: Path, error: OSError) -> Problem:
    what = (
        "there is no such folder" if isinstance(error, FileNotFoundError) else (error.strerror or str(error))
    )
    return Problem(
        f"the model repository cannot be read: {what}",
        file=str(repository),
        suggestion="name a folder that holds one folder for each model",
    )


def _clash(name: str, places: Sequence[Path]) -> str:
    listed = " and ".join(str(path) for path in places)
    return f"model '{name}' lies in several repositories, {listed}; rename or remove all but one"
