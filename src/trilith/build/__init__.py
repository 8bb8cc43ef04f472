"""The builder: puts a server together from bricks.

- `trilith.build.catalogue`: what can be built, as data
- `trilith.build.words`, `trilith.build.selection`: what was chosen, and where
- `trilith.build.planning`: every decision, pure
- `trilith.build.files`: scripts and Dockerfiles, mechanically

Names are imported when they are used: ``trilith build --help`` needs the standard library alone.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "BuildError": "problems",
    "Catalogue": "catalogue",
    "Host": "model",
    "Mirrors": "mirrors",
    "Plan": "model",
    "Problem": "problems",
    "Selection": "selection",
    "emit": "files",
    "load": "catalogue",
    "plan": "planning",
    "select": "words",
    "this_host": "host",
}

__all__ = [
    "BuildError",
    "Catalogue",
    "Host",
    "Mirrors",
    "Plan",
    "Problem",
    "Selection",
    "emit",
    "load",
    "plan",
    "select",
    "this_host",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its home."""
    if name not in _HOMES:
        raise AttributeError(f"module 'trilith.build' has no attribute '{name}'")
    return getattr(import_module(f"trilith.build.{_HOMES[name]}"), name)
