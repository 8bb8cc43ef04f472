"""Python environments of models' own: found, unpacked once, and checked.

A packed environment (a ``tar.gz`` as ``conda-pack`` makes it) is unpacked once for all models that name it,
into a temporary folder that goes with the server.
"""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import trilith
from trilith.contract import ConfigurationError, LoadError, ModelSource, Problem

PARAMETER: Final = "EXECUTION_ENV_PATH"
"""Of a model configuration: a folder, or a packed environment."""

MODEL_FOLDER: Final = "$$TRITON_MODEL_DIRECTORY"
"""Stands for the model's folder, in the parameter."""

OLDEST_PYTHON: Final = (3, 11)
"""What the native core is built for: its stable interface works with this and every later version."""

CHECK_SECONDS: Final = 60.0
"""For an interpreter to say its version: far more than a cold disk needs."""

_CHECK: Final = """
import json, sys
try:
    import numpy
    problem = ""
except Exception as error:
    problem = f"{type(error).__name__}: {error}"
print(json.dumps([sys.implementation.name, list(sys.version_info[:2]), problem]))
"""


@dataclass(frozen=True)
class Environment:
    """A Python environment in which workers run."""

    folder: Path
    packages: Path
    """A folder that holds this program's package alone, so that its other packages stay out."""

    @property
    def interpreter(self) -> Path:
        """Its own Python."""
        return self.folder / "bin/python"

    def variables(self) -> dict[str, str]:
        """Return what a process in it finds in its surroundings, as activating it would have it."""
        changed = {
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "CONDA_PREFIX": str(self.folder),
            "PYTHONPATH": str(self.packages),
            "PYTHONNOUSERSITE": "True",
        }
        return {**os.environ, **changed}


def find_path(document: Mapping[str, Any], source: ModelSource) -> Path | None:
    """Return what a configuration names as the model's environment; ``None`` where it names none.

    Raises:
        ConfigurationError: there is nothing of that name, or it leads out of the model's folder.
    """
    text = document.get("parameters", {}).get(PARAMETER, {}).get("string_value", "")
    if not text:
        return None
    path = Path(text.replace(MODEL_FOLDER, str(source.directory)))
    problem = ""
    if not path.exists():
        problem = f"there is no '{path}'"
    elif MODEL_FOLDER in text and not path.resolve().is_relative_to(source.directory.resolve()):
        problem = f"'{text}' leads out of the model's folder"
    if problem:
        raise ConfigurationError([Problem(problem, field=f"parameters.{PARAMETER}")])
    return path


class Environments:
    """All environments of a server."""

    def __init__(self) -> None:
        """Start with none."""
        self._lock = threading.Lock()
        self._root: Path | None = None
        self._made: dict[Path, Environment] = {}

    def open(self, path: Path) -> Environment:
        """Make an environment usable: unpacked where it is packed, and checked.

        Raises:
            LoadError: it cannot be unpacked, or cannot run a worker.
        """
        # One at a time: models that share an environment wait for each other's unpacking.
        with self._lock:
            root = self._root = self._root or _make_root()
            try:
                folder = path.resolve() if path.is_dir() else root / _digest(path)
                if folder not in self._made:
                    if not folder.exists():
                        _unpack(path, folder)
                    environment = Environment(folder, root / "packages")
                    _check(environment, path)
                    self._made[folder] = environment
            except OSError as error:
                raise LoadError(f"the environment '{path}' cannot be used: {error}") from error
            return self._made[folder]

    def remove(self) -> None:
        """Take away what was unpacked."""
        with self._lock:
            root, self._root = self._root, None
            self._made.clear()
        if root is not None:
            shutil.rmtree(root, ignore_errors=True)


def _make_root() -> Path:
    root = Path(tempfile.mkdtemp(prefix="trilith-environments-"))
    (root / "packages").mkdir()
    (root / "packages" / "trilith").symlink_to(Path(trilith.__file__).resolve().parent)
    return root


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unpack(path: Path, folder: Path) -> None:
    """Unpack, refusing whatever would lie outside: absolute names, ``..``, links that lead out, devices."""
    import tarfile  # noqa: PLC0415 - needed by few

    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with tarfile.open(path) as archive:
            archive.extractall(partial, filter="data")
        partial.rename(folder)
    except (tarfile.TarError, EOFError) as error:
        raise LoadError(f"the environment '{path}' cannot be unpacked: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _check(environment: Environment, path: Path) -> None:
    """Look whether a worker can run in it.

    Raises:
        LoadError: it cannot, and why.
    """
    title = f"the environment '{path}'"
    if not environment.interpreter.is_file():
        raise LoadError(f"{title} holds no 'bin/python'; pack a whole environment, with its interpreter")
    try:
        finished = subprocess.run(  # noqa: S603  the interpreter that the configuration names
            [environment.interpreter, "-P", "-c", _CHECK],
            env=environment.variables(),
            capture_output=True,
            text=True,
            timeout=CHECK_SECONDS,
            check=True,
        )
        implementation, version, problem = json.loads(finished.stdout)
    except (subprocess.SubprocessError, ValueError) as error:
        raise LoadError(f"the interpreter of {title} does not run: {error}") from error
    shown = ".".join(map(str, version))
    oldest = ".".join(map(str, OLDEST_PYTHON))
    if implementation != "cpython" or tuple(version) < OLDEST_PYTHON:
        raise LoadError(f"{title} holds {implementation} {shown}; workers need CPython {oldest} or later")
    if problem:
        raise LoadError(f"{title} holds no NumPy that works, which workers need: {problem}")
