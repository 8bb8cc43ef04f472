"""What a plan is: every decision of a build, as plain values."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from trilith.build.catalogue.schema import Catalogue, Component, ThirdParty
from trilith.build.mirrors import Mirrors
from trilith.build.selection import Selection

OWN_CONTAINERS = "starts containers of its own"
"""How notes say that a component needs a container engine inside its build."""


STANDS_ON = "base"
"""The image that results stand on, and builds where no image is for them."""


@dataclass(frozen=True)
class Host:
    """The machine that plans; handed in, so that a plan depends on nothing else."""

    platform: str
    machine: str
    cores: int


@dataclass(frozen=True)
class Value:
    """A value, and where it came from."""

    text: str
    origin: str


@dataclass(frozen=True)
class Define:
    """One ``-D`` for CMake."""

    name: str
    type: str
    value: str
    origin: str = "catalogue"

    def __str__(self) -> str:
        """Render as CMake takes it."""
        return f"-D{self.name}{':' if self.type else ''}{self.type}={self.value}"


@dataclass(frozen=True)
class Part:
    """A component in a plan."""

    component: Component
    reason: str
    """Where it was chosen, or what needs it."""
    chosen: bool
    ref: str = ""
    address: str = ""
    defines: tuple[Define, ...] = ()
    build_type: str = ""

    @property
    def key(self) -> str:
        """Key of the component."""
        return self.component.key

    @property
    def folder(self) -> str:
        """Name of its folder in the build folder; kinds keep components of one name apart."""
        return f"{self.component.kind}-{self.component.name}"


@dataclass(frozen=True)
class Closure:
    """A third-party part in a plan."""

    part: ThirdParty
    reason: str


@dataclass(frozen=True)
class Folders:
    """Where a build happens; for builds in containers, inside them."""

    output: str
    """Where the files are written."""
    build: str
    install: str
    ci: str
    source: str = ""
    """Sources of the server; empty for a clone."""


@dataclass(frozen=True)
class Seed:
    """A library that was handed over to a component whose CMake looks for it in its build folder."""

    component: str
    folder: str
    headers: Path
    libraries: tuple[Path, ...]
    links: Mapping[str, str] = field(default_factory=dict)
    """By name, the library that it stands for."""


@dataclass(frozen=True)
class Plan:
    """Every decision of a build."""

    catalogue: Catalogue
    selection: Selection
    version: Value
    container_version: Value
    platform: Value
    machine: Value
    build_type: Value
    parallel: int
    containers: bool
    """Whether it runs in containers."""
    parts: tuple[Part, ...]
    """All components, what is needed before what needs it."""
    closure: tuple[Closure, ...]
    images: Mapping[str, str]
    settings: Mapping[str, Value]
    folders: Folders
    mirrors: Mirrors
    notes: tuple[str, ...] = ()
    copies: tuple[tuple[str, Path, str], ...] = ()
    """Libraries that were handed over: whose they are, the file, the folder of the result."""
    seeds: tuple[Seed, ...] = ()
    lock: str = ""
    """Digest of the lock that it is built from; empty where sources are taken as they are found."""

    def part(self, key: str) -> Part | None:
        """Return a component of the plan."""
        return next((part for part in self.parts if part.key == key), None)

    @property
    def built(self) -> tuple[Part, ...]:
        """Components that have a step of their own, the server first."""
        steps = [part for part in self.parts if _has_step(part)]
        return tuple(sorted(steps, key=lambda part: part.component.build != "main"))

    @property
    def digest(self) -> str:
        """Identity of the plan: equal for equal decisions, whatever the folders are called."""
        told = {
            "catalogue": self.catalogue.head.name,
            "version": [self.version.text, self.container_version.text],
            "target": [self.platform.text, self.machine.text, self.build_type.text],
            "parts": [
                [part.key, part.ref, part.address, [str(one) for one in part.defines]] for part in self.parts
            ],
            "closure": [[item.part.key, item.part.address, item.part.ref] for item in self.closure],
            "images": dict(self.images),
            "settings": {name: value.text for name, value in self.settings.items()},
        }
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _has_step(part: Part) -> bool:
    kind, build = part.component.kind, part.component.build
    return build in ("main", "copy", "wheel") or (build == "cmake" and kind not in ("core", "tool"))
