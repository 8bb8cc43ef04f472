"""A result as an image: one layer for each brick, and how it is run."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from trilith.build.image.bases import Base
from trilith.build.image.entries import Entry, file, folder, of_file, with_parents
from trilith.build.image.layers import Layer, write_layer
from trilith.build.result import ABOUT, MANIFEST, ResultManifest

UID = 1000
MODELS = "models"
_ABOUT = "what the result says of itself"
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
_ROOT_USER = "root:x:0:0:root:/:/usr/sbin/nologin\n"


@dataclass(frozen=True)
class Settings:
    """How an image is called and run; all from a plan and its catalogue."""

    name: str
    version: str
    root: str
    """Where the result lies in it."""
    user: str
    command: tuple[str, ...]
    machine: str
    epoch: int
    """SOURCE_DATE_EPOCH: the time of everything in it."""
    health: tuple[str, ...] = ()
    """Command that succeeds while the server is ready."""
    ports: tuple[int, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Assembled:
    """An image, its layers written as blobs."""

    config: Mapping[str, Any]
    layers: tuple[Layer, ...]
    name: str
    version: str


@dataclass(frozen=True)
class Content:
    """What goes into an image: a folder, and who brought each file of it."""

    root: Path
    manifest: ResultManifest


def assemble(content: Content, settings: Settings, base: Base | None, blobs: Path) -> Assembled:
    """Write the layers of an image into a folder of blobs and describe it."""
    layers = list(base.layers(blobs, settings.epoch)) if base else []
    layers.append(write_layer(system_entries(settings.user, base), blobs, settings.epoch, "user and folders"))
    root = settings.root.strip("/")
    for brick, entries in _by_brick(content, root).items():
        title = brick if brick == _ABOUT else f"brick {brick}"
        layers.append(write_layer(with_parents(entries, root), blobs, settings.epoch, title))
    return Assembled(_config(settings, base, layers), tuple(layers), settings.name, settings.version)


def _by_brick(content: Content, root: str) -> dict[str, list[Entry]]:
    """Return the files of each brick, the server first; what the result says of itself comes last.

    So a brick's layer is the same in every image that has it, and what changes with each build is small.
    """
    found: dict[str, list[Entry]] = {}
    for told in content.manifest.files:
        entry = of_file(content.root / told.path, f"{root}/{told.path}")
        if entry:
            about = told.path.startswith(f"{ABOUT}/")
            found.setdefault(_ABOUT if about else told.brick, []).append(entry)
    own = (
        of_file(content.root / MANIFEST, f"{root}/{MANIFEST}") if (content.root / MANIFEST).exists() else None
    )
    if own:
        found.setdefault(_ABOUT, []).append(own)
    order = sorted(
        found.items(), key=lambda item: (item[0] == _ABOUT, not item[0].startswith("core."), item[0])
    )
    return dict(order)


def system_entries(user: str, base: Base | None) -> list[Entry]:
    """Return the user that it runs as, and the folder that models are mounted at."""
    passwd = (base.text("etc/passwd") if base else "") or _ROOT_USER
    group = (base.text("etc/group") if base else "") or "root:x:0:\n"
    home = f"/home/{user}"
    taken = re.compile(rf"({re.escape(user)}:|[^:]*:[^:]*:{UID}:)")
    kept = [line for line in passwd.splitlines() if not taken.match(line)]
    groups = [line for line in group.splitlines() if not taken.match(line)]
    return [
        folder("etc"),
        file("etc/group", "\n".join([*groups, f"{user}:x:{UID}:", ""])),
        file("etc/passwd", "\n".join([*kept, f"{user}:x:{UID}:{UID}::{home}:/usr/sbin/nologin", ""])),
        folder("home"),
        folder(home.strip("/"), 0o755, UID, UID),
        folder(MODELS),
        folder("tmp", 0o1777),
    ]


def _config(settings: Settings, base: Base | None, layers: Iterable[Layer]) -> dict[str, Any]:
    environment = dict(line.split("=", 1) for line in base.environment) if base else {}
    usual = environment.get("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    own = (PurePosixPath(settings.root) / "bin").as_posix()
    environment |= {**settings.environment, "PATH": f"{own}:{usual}"}
    run: dict[str, Any] = {
        "User": f"{UID}:{UID}",
        "Env": [f"{name}={value}" for name, value in environment.items()],
        "Cmd": list(settings.command),
        "WorkingDir": settings.root,
        "Labels": {**(base.labels if base else {}), **settings.labels},
        "StopSignal": "SIGTERM",
    }
    if settings.ports:
        run["ExposedPorts"] = {f"{port}/tcp": {} for port in settings.ports}
    if settings.health:
        second = 1_000_000_000
        run["Healthcheck"] = {
            "Test": ["CMD", *settings.health],
            "Interval": 10 * second,
            "Timeout": 5 * second,
            "StartPeriod": 60 * second,
        }
    created = _time(settings.epoch)
    layers = list(layers)
    return {
        "created": created,
        "architecture": _MACHINES.get(settings.machine, settings.machine),
        "os": "linux",
        "config": run,
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        "history": [{"created": created, "created_by": layer.title or "base image"} for layer in layers],
    }


def _time(epoch: int) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
