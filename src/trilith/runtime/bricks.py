"""Which bricks are installed, found without importing any of them.

``importlib.metadata`` would do the same and costs 40 ms of every start; reading the few
``entry_points.txt`` files along ``sys.path`` costs one.
"""

import importlib
import importlib.util
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

from trilith.contract import BrickKind, ConfigurationError, LoadError, Manifest, Problem
from trilith.contract.brick import ENTRY_POINT_GROUP

MANIFEST_FILE = "brick.toml"


@dataclass(frozen=True)
class Brick:
    """An installed brick: its manifest and its entry point, not yet loaded."""

    manifest: Manifest
    entry: str
    """``module:Class``."""

    def make(self) -> Any:
        """Import its code and make its object.

        Raises:
            LoadError: it cannot be imported or made; the message says what it requires.
        """
        try:
            return make(self.entry)
        except Exception as error:
            title = f"{self.manifest.kind} '{self.manifest.name}'"
            needs = ", ".join(self.manifest.python_requirements)
            hint = f"; it requires {needs}" if needs else ""
            raise LoadError(f"{title} cannot be used: {type(error).__name__}: {error}{hint}") from error


@dataclass(frozen=True)
class Catalogue:
    """All installed bricks, and what is wrong with those that cannot be used."""

    bricks: tuple[Brick, ...]
    problems: tuple[Problem, ...] = ()

    def of_kind(self, kind: BrickKind) -> dict[str, Brick]:
        """Bricks of one kind by name."""
        return {brick.manifest.name: brick for brick in self.bricks if brick.manifest.kind is kind}


def make(entry: str) -> Any:
    """Make the object behind an entry point, ``module:Class``."""
    module, _, attribute = entry.partition(":")
    return getattr(importlib.import_module(module), attribute)()


def discover(search_path: Sequence[str] | None = None) -> Catalogue:
    """Find the installed bricks along ``search_path`` (``sys.path`` by default)."""
    found: dict[str, Brick] = {}
    problems: list[Problem] = []
    for name, entry in _entry_points(sys.path if search_path is None else search_path):
        if name in found:
            continue
        try:
            found[name] = _read_brick(name, entry)
        except ConfigurationError as error:
            problems += error.problems
    return Catalogue(tuple(found[name] for name in sorted(found)), tuple(problems))


def _entry_points(search_path: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield name and value of each entry point of the group, the first on the path first.

    A distribution counts where it comes first: what a server was built without does not come back with
    another installation of it further down the path.
    """
    seen: set[str] = set()
    for place in dict.fromkeys(search_path):
        folder = Path(place or ".")
        if not folder.is_dir():
            continue
        found = {
            _distribution(metadata): metadata for metadata in sorted(folder.glob("*-info/entry_points.txt"))
        }
        for name in [name for name in found if name not in seen]:
            seen.add(name)
            text = found[name].read_text(encoding="utf-8", errors="replace")
            if ENTRY_POINT_GROUP in text:
                yield from _read_group(text)


def _distribution(metadata: Path) -> str:
    """Return whose metadata a file is, which lies in ``NAME-VERSION.dist-info`` or ``NAME.egg-info``."""
    name, _, _ = metadata.parent.stem.partition("-")
    return name.lower().replace(".", "_")


def _read_group(text: str) -> Iterator[tuple[str, str]]:
    inside = False
    for raw in text.splitlines():
        line = raw.strip()
        if line.startswith("["):
            inside = line == f"[{ENTRY_POINT_GROUP}]"
        elif inside and "=" in line and not line.startswith(("#", ";")):
            name, _, value = line.partition("=")
            yield name.strip(), value.strip()


def _read_brick(name: str, entry: str) -> Brick:
    path = _manifest_path(entry.partition(":")[0])
    if path is None or not path.is_file():
        where = f"no {MANIFEST_FILE} beside {entry}" if path is None else f"there is no {path}"
        raise ConfigurationError([Problem(f"brick '{name}' cannot be used: {where}; install it again")])
    manifest = Manifest.read(path)
    expected = f"{manifest.kind}.{manifest.name}"
    if name != expected:
        message = f"its entry point is called '{name}', its manifest says '{expected}'"
        raise ConfigurationError([Problem(message, file=str(path))])
    return Brick(manifest, entry)


def _manifest_path(module: str) -> Path | None:
    """Place of the manifest beside a module: inside a package, next to a plain file."""
    spec = _find(module)
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))) / MANIFEST_FILE
    return Path(spec.origin).parent / MANIFEST_FILE if spec.origin else None


def _find(module: str) -> ModuleSpec | None:
    """Find a module without importing its parents, which ``importlib.util.find_spec`` would."""
    first, *rest = module.split(".")
    spec = importlib.util.find_spec(first)
    name = first
    for part in rest:
        if spec is None:
            return None
        name = f"{name}.{part}"
        spec = PathFinder.find_spec(name, spec.submodule_search_locations)
    return spec
