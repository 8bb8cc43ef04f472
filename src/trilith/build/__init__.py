"""The builder: puts a server together from bricks.

- `trilith.build.catalogue`: what can be built, as data
- `trilith.build.words`, `trilith.build.selection`: what was chosen, and where
- `trilith.build.planning`: every decision, pure
- `trilith.build.files`: scripts and Dockerfiles, mechanically
- `trilith.build.locking`, `trilith.build.fetching`: what everything is, and all of it in a store
- `trilith.build.bundling`, `trilith.build.assembling`: one file, and the result of it without a network

Names are imported when they are used: ``trilith build --help`` needs the standard library alone.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "BuildError": "problems",
    "Catalogue": "catalogue",
    "How": "assembling",
    "Host": "model",
    "Lock": "locking",
    "Mirrors": "mirrors",
    "Origin": "fetching",
    "Place": "locking",
    "Plan": "model",
    "Problem": "problems",
    "Selection": "selection",
    "Store": "store",
    "assemble": "assembling",
    "bundle": "bundling",
    "emit": "files",
    "fetch": "fetching",
    "load": "catalogue",
    "lock": "locking",
    "plan": "planning",
    "select": "words",
    "this_host": "host",
}

__all__ = [
    "BuildError",
    "Catalogue",
    "Host",
    "How",
    "Lock",
    "Mirrors",
    "Origin",
    "Place",
    "Plan",
    "Problem",
    "Selection",
    "Store",
    "assemble",
    "bundle",
    "emit",
    "fetch",
    "load",
    "lock",
    "plan",
    "select",
    "this_host",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its home."""
    if name not in _HOMES:
        raise AttributeError(f"module 'trilith.build' has no attribute '{name}'")
    return getattr(import_module(f"trilith.build.{_HOMES[name]}"), name)
