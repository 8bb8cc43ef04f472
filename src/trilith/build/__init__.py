"""The builder: puts a server together from bricks.

- `trilith.build.catalogue`: what can be built, as data
- `trilith.build.words`, `trilith.build.selection`: what was chosen, and where
- `trilith.build.planning`: every decision, pure
- `trilith.build.files`: scripts and Dockerfiles, mechanically
- `trilith.build.locking`, `trilith.build.fetching`: what everything is, and all of it in a store
- `trilith.build.bundling`, `trilith.build.assembling`: one file, and the result of it without a network
- `trilith.build.verifying`: whether a result holds all it needs, and does what its plan says

Names are imported when they are used: ``trilith build --help`` needs the standard library alone.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trilith.build.assembling import How, assemble
    from trilith.build.bundling import bundle
    from trilith.build.catalogue import Catalogue, load
    from trilith.build.fetching import Origin, fetch
    from trilith.build.files import emit
    from trilith.build.host import this_host
    from trilith.build.locking import Lock, Place, lock
    from trilith.build.mirrors import Mirrors
    from trilith.build.model import Host, Plan
    from trilith.build.planning import plan
    from trilith.build.problems import BuildError, Problem
    from trilith.build.selection import Selection
    from trilith.build.store import Store
    from trilith.build.verifying import Report, verify
    from trilith.build.words import select

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
    "Report": "verifying",
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
    "verify": "verifying",
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
    "Report",
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
    "verify",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its home."""
    if name not in _HOMES:
        raise AttributeError(f"module 'trilith.build' has no attribute '{name}'")
    return getattr(import_module(f"trilith.build.{_HOMES[name]}"), name)
