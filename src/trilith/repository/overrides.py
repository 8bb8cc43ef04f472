"""Models that clients bring along: a configuration, files, or both, in place of what a repository holds."""

import logging
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from trilith.contract import ConfigurationError, Problem
from trilith.repository.scan import ModelFolder, is_version

log = logging.getLogger(__name__)

CONFIGURATION = "config"
FILE_PREFIX = "file:"


@dataclass(frozen=True)
class Override:
    """What a client brought."""

    configuration: str = ""
    """JSON of a ``ModelConfig``; empty to keep what the repository says."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Content by path inside the model's folder: ``1/model.onnx``."""

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return bool(self.configuration or self.files)


def read_override(name: str, parameters: Mapping[str, bool | str | bytes]) -> Override:
    """Take the parameters of a load apart.

    Raises:
        ConfigurationError: they cannot be; every problem is named.
    """
    title = f"model '{name}'"
    problems: list[Problem] = []
    files: dict[str, bytes] = {}
    for key, value in parameters.items():
        if key == CONFIGURATION:
            if not isinstance(value, str) or not value.strip():
                problems.append(
                    Problem(f"{title}: parameter '{CONFIGURATION}' takes the JSON of a ModelConfig")
                )
        elif not key.startswith(FILE_PREFIX) or not isinstance(value, bytes):
            problems.append(Problem(f"{title}: unrecognized load parameter '{key}'"))
        elif not _is_inside(key.removeprefix(FILE_PREFIX)):
            message = f"{title}: '{key}' names no file inside the model's folder"
            problems.append(Problem(message, suggestion=f"write {FILE_PREFIX}1/model.onnx, for example"))
        else:
            files[key.removeprefix(FILE_PREFIX)] = value
    configuration = parameters.get(CONFIGURATION, "")
    if files and CONFIGURATION not in parameters:
        message = f"{title}: files were given without a configuration"
        problems.append(Problem(message, suggestion=f"add the parameter '{CONFIGURATION}'"))
    if problems:
        raise ConfigurationError(problems)
    return Override(str(configuration), files)


def write_files(name: str, override: Override) -> ModelFolder:
    """Write the files of an override into a new temporary folder; :func:`remove_files` takes it away.

    Raises:
        OSError: they cannot be written.
    """
    root = Path(tempfile.mkdtemp(prefix="trilith-"))
    try:
        directory = root / name
        for path, content in override.files.items():
            target = directory / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    except OSError:
        shutil.rmtree(root, ignore_errors=True)
        raise
    versions = {path.split("/")[0] for path in override.files if "/" in path}
    return ModelFolder(
        name=name,
        directory=directory,
        versions=tuple(sorted(int(version) for version in versions if is_version(version))),
        configuration=None,
        override=override.configuration,
        is_temporary=True,
    )


def remove_files(folder: ModelFolder) -> None:
    """Take away what :func:`write_files` wrote; of any other folder, nothing."""
    if not folder.is_temporary:
        return
    try:
        shutil.rmtree(folder.directory.parent)
    except OSError as error:
        log.warning("model '%s': its temporary files cannot be removed: %s", folder.name, error)


def _is_inside(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return (
        bool(parts)
        and not path.startswith("/")
        and ".." not in parts
        and "\0" not in path
        and path[-1] != "/"
    )
