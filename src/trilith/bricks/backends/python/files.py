"""Where a model's code lies."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trilith.contract import LoadError, ModelSource

DEFAULT_FILENAME = "model.py"


def find_model_file(source: ModelSource, document: Mapping[str, Any]) -> Path:
    """Return the model's file.

    Raises:
        LoadError: there is none, or it is no Python file.
    """
    file = source.version_directory / (document.get("default_model_filename") or DEFAULT_FILENAME)
    place = f"model '{source.name}' version {source.version}"
    if not file.is_file():
        raise LoadError(
            f"{place}: there is no file '{file}'; put the model there, or name it in 'default_model_filename'"
        )
    if file.suffix != ".py":
        raise LoadError(f"{place}: '{file}' is no Python file; its name must end in '.py'")
    return file
