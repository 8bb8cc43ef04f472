"""How a brick describes itself: the manifest, ``brick.toml`` beside its code."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from trilith.contract.errors import ConfigurationError, Problem

ENTRY_POINT_GROUP = "trilith.bricks"
"""The one door by which every brick enters, those of this repository included. The name of an entry
point is ``KIND.NAME`` (``backend.identity``); the object behind it is a class that is made without
arguments."""


class BrickKind(StrEnum):
    """What a brick is for."""

    ENDPOINT = "endpoint"
    BACKEND = "backend"
    CACHE = "cache"
    AGENT = "agent"
    FILESYSTEM = "filesystem"
    FEATURE = "feature"


@dataclass(frozen=True)
class Manifest:
    """What the builder, the command line and the server need to know of a brick before it is loaded."""

    name: str
    kind: BrickKind
    description: str
    """One line."""
    python_requirements: tuple[str, ...] = ()
    python_requirements_gpu: tuple[str, ...] = ()
    """What it requires instead in a server for NVIDIA GPUs; empty where that is the same."""
    native_features: tuple[str, ...] = ()
    """Cargo features of the extension that it switches on."""
    system_packages_build: tuple[str, ...] = ()
    system_packages_run: tuple[str, ...] = ()
    needs_gpu: bool = False
    platforms: tuple[str, ...] = ()
    """Empty for all."""
    size_megabytes: float = 0.0
    """What it brings, requirements included, unpacked."""
    size_megabytes_gpu: float = 0.0
    """The same in a server for NVIDIA GPUs; 0 where that is the same."""
    conflicts: tuple[str, ...] = ()
    isolation: str = "thread"
    """For backends: ``thread`` runs instances in the server, ``process`` each in a worker process."""
    config_platforms: tuple[str, ...] = ()
    """For backends: values of ``platform`` in ``config.pbtxt`` that mean this backend."""
    default_filename: str = ""
    """For backends: the file or folder in a version's folder that gives the backend away where the
    configuration names none."""

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        """Read ``brick.toml``.

        Raises:
            ConfigurationError: keys are missing, unknown or of the wrong type; all are named.
        """
        return cls.parse(tomllib.loads(path.read_text(encoding="utf-8")), str(path))

    @classmethod
    def parse(cls, table: Mapping[str, Any], file: str = "") -> "Manifest":
        """Make a manifest from the table ``[brick]`` of a TOML document."""
        entries: Mapping[str, Any] = table.get("brick", {})
        known = cls.__dataclass_fields__
        problems = [
            Problem(f"unknown key '{key}'", file, field=f"brick.{key}") for key in entries if key not in known
        ]
        problems += [
            Problem(f"'{key}' is missing", file, field=f"brick.{key}")
            for key in ("name", "kind", "description")
            if not isinstance(entries.get(key), str)
        ]
        if entries.get("kind") not in list(BrickKind):
            problems.append(Problem(f"kind must be one of {', '.join(BrickKind)}", file, field="brick.kind"))
        if problems:
            raise ConfigurationError(problems)
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in entries.items()
        }
        values["kind"] = BrickKind(values["kind"])
        return cls(**values)
