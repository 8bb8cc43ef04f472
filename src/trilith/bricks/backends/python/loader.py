"""Imports a model's code, each time anew and beside the code of other models.

As in Triton, the folders of the version and of the model are searched for the model's own modules, behind
everything that is installed, and relative imports find what lies beside ``model.py``. Models whose modules
have the same names do not get each other's.
"""

import importlib
import sys
import threading
import weakref
from collections import Counter
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

from trilith.bricks.backends.python import utils
from trilith.bricks.backends.python.errors import translate_load_error
from trilith.bricks.backends.python.utils.calls import Connection
from trilith.contract import LoadError, ModelSource

CLASS_NAME = "TritonPythonModel"
_UTILS_NAME = "triton_python_backend_utils"
_PREFIX = "trilith_model_"

_numbers = count(1)
_lock = threading.RLock()
"""Held while a model is imported: what it finds under the name of its utilities is its own."""
_folders: Counter[str] = Counter()
"""Folders that models of this process search, with the number of those that do."""


class ModelCode:
    """A model's code: a module of its own in a package of its own.

    Attributes:
        model: the class that the code defines.
        connection: the way of its requests to other models.
        release: forgets the modules, so that they can be collected; called at the latest when this object is.
    """

    def __init__(self, source: ModelSource, file: Path) -> None:
        """Run the file.

        Raises:
            LoadError: it raises, or defines no class that can execute.
        """
        package = f"{_PREFIX}{next(_numbers)}"
        folders = [str(source.version_directory), str(source.directory)]
        self.connection = Connection()
        with _lock:
            self.release = weakref.finalize(self, _release, package, folders)
            self.release.atexit = False
            _search_folders(folders)
            sys.modules[_UTILS_NAME] = make_utils(source.version_directory, self.connection)
            try:
                module = _run_file(file, package)
                self.model = _find_class(module, file)
            except (Exception, SystemExit) as error:
                self.release()
                place = f"model '{source.name}' version {source.version}"
                raise translate_load_error(error, place, "importing it", source.directory) from error


def make_utils(version_directory: Path, connection: Connection) -> ModuleType:
    """Return the module that a model finds as ``triton_python_backend_utils``.

    Args:
        version_directory: where the model lies.
        connection: the way of its requests to other models.
    """
    module = ModuleType(_UTILS_NAME, utils.__doc__)
    module.__dict__.update({name: getattr(utils, name) for name in utils.__all__})
    module.__dict__["get_model_dir"] = lambda: str(version_directory)
    for name in ("is_model_ready", "load_model", "unload_model"):
        module.__dict__[name] = getattr(connection, name)
    for base in (utils.InferenceRequest, utils.MetricFamily):
        own = {
            "__slots__": (),
            "__doc__": base.__doc__,
            "__module__": _UTILS_NAME,
            "_connection": connection,
        }
        module.__dict__[base.__name__] = type(base.__name__, (base,), own)
    return module


def _run_file(file: Path, package_name: str) -> ModuleType:
    package = ModuleType(package_name)
    package.__path__ = [str(file.parent)]
    sys.modules[package_name] = package
    module = ModuleType(f"{package_name}.{file.stem}")
    module.__file__ = str(file)
    module.__package__ = package_name
    sys.modules[module.__name__] = module
    # Compiled here rather than by the import system, which may take yesterday's bytecode for a file that was
    # replaced within the same second.
    code = compile(file.read_bytes(), str(file), "exec")
    exec(code, module.__dict__)  # noqa: S102 - running the model is what this backend is for
    return module


def _find_class(module: ModuleType, file: Path) -> type[Any]:
    found = getattr(module, CLASS_NAME, None)
    if not isinstance(found, type):
        raise LoadError(f"'{file}' defines no class {CLASS_NAME}; rename the model's class to that")
    if not callable(getattr(found, "execute", None)):
        raise LoadError(f"'{file}': the class {CLASS_NAME} has no method execute(self, requests)")
    return found


def _search_folders(folders: list[str]) -> None:
    _forget_strangers(folders)
    others = [index for index, path in enumerate(sys.path) if _folders[path]]
    position = min(others, default=len(sys.path))
    for folder in reversed(folders):
        if not _folders[folder]:
            sys.path.insert(position, folder)
        _folders[folder] += 1
    importlib.invalidate_caches()


def _release(package: str, folders: list[str]) -> None:
    with _lock:
        for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
            del sys.modules[name]
        for folder in folders:
            _folders[folder] -= 1
            if _folders[folder] <= 0:
                _leave_folder(folder)


def _leave_folder(folder: str) -> None:
    del _folders[folder]
    if folder in sys.path:
        sys.path.remove(folder)
    for name in _list_modules_in(folder):
        sys.modules.pop(name, None)


def _forget_strangers(own: list[str]) -> None:
    """Forget modules of other models that have the name of one of this model's."""
    names = {path.stem for folder in own for path in Path(folder).iterdir() if path.suffix in ("", ".py")}
    for folder in set(_folders) - set(own):
        for module in _list_modules_in(folder):
            if module.partition(".")[0] in names:
                sys.modules.pop(module, None)


def _list_modules_in(folder: str) -> list[str]:
    prefix = f"{folder}/"
    return [
        name
        for name, module in list(sys.modules.items())
        if str(getattr(module, "__file__", None) or "").startswith(prefix) and not name.startswith(_PREFIX)
    ]
