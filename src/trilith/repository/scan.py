"""Which models and versions lie in the repositories. Reads folder names, never a model."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from trilith.contract import ConfigurationError, Problem
from trilith.repository.filesystem import Filesystem, LocalFilesystem
from trilith.repository.names import key_of

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
    namespace: str = ""
    """Path of its repository, where repositories are namespaces."""

    @property
    def key(self) -> str:
        """What tells it from all other models."""
        return key_of(self.name, self.namespace)

    def overridden(self, configuration: str) -> "ModelFolder":
        """Return the same folder with JSON in place of its configuration; empty for no change."""
        return replace(self, override=configuration)


@dataclass(frozen=True)
class Inventory:
    """Everything found in the repositories."""

    models: tuple[ModelFolder, ...]
    """Models to load, in the order of the repositories, by name within each."""
    refused: Mapping[str, str]
    """Models that cannot be loaded, by key, with the reason: their name lies in several repositories that are
    no namespaces, or they are unreadable."""


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
        namespaces: whether each repository has names of its own.

    Raises:
        ConfigurationError: repositories are missing or cannot be read; all of them are named.
    """
    store = filesystem or LocalFilesystem()
    found: dict[str, list[Path]] = {}
    for key, directory in _list_folders(repositories, store, namespaces=namespaces):
        found.setdefault(key, []).append(directory)
    models: list[ModelFolder] = []
    refused: dict[str, str] = {}
    for key, places in found.items():
        if len(places) > 1:
            refused[key] = _clash(key, places)
            continue
        namespace = str(places[0].parent) if namespaces else ""
        try:
            models.append(_look_into(store, places[0], configuration_name, namespace))
        except OSError as error:
            refused[key] = f"{places[0]}: the model's folder cannot be read: {error.strerror or error}"
    return Inventory(models=tuple(models), refused=refused)


def list_keys(
    repositories: Sequence[Path], filesystem: Filesystem | None = None, *, namespaces: bool = False
) -> list[str]:
    """Return the keys of all models of all repositories, without looking into their folders.

    Raises:
        ConfigurationError: as :func:`scan`.
    """
    listed = _list_folders(repositories, filesystem or LocalFilesystem(), namespaces=namespaces)
    return list(dict.fromkeys(key for key, _ in listed))


def _list_folders(
    repositories: Sequence[Path], store: Filesystem, *, namespaces: bool
) -> Iterator[tuple[str, Path]]:
    """Yield the key and the folder of every model."""
    problems: list[Problem] = []
    for repository in dict.fromkeys(Path(path).absolute() for path in repositories):
        try:
            names = store.folders(repository)
        except OSError as error:
            problems.append(_unreadable(repository, error))
            continue
        for name in names:
            if not name.startswith("."):
                yield key_of(name, str(repository) if namespaces else ""), repository / name
    if problems:
        raise ConfigurationError(problems)


def _look_into(store: Filesystem, directory: Path, configuration_name: str, namespace: str) -> ModelFolder:
    candidates = [directory / CONFIGURATION_FILE]
    if configuration_name:
        candidates.insert(0, directory / "configs" / f"{configuration_name}.pbtxt")
    return ModelFolder(
        name=directory.name,
        directory=directory,
        versions=_list_versions(store, directory),
        configuration=next((path for path in candidates if store.exists(path)), None),
        namespace=namespace,
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
