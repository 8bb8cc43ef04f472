"""The folder that a build results in, and what it says of itself.

::

    ROOT/bin/{trilith,tritonserver}           launchers; the folder can be moved
    ROOT/lib/python3.X/site-packages/         this server and what it requires
    ROOT/share/trilith/plan.json              what was decided
    ROOT/share/trilith/trilith-build.lock     what it was built from
    ROOT/share/trilith/manifest.json          every file, and the brick that brought it

A result of another catalogue has the folders that its sources install, and the same ``share/trilith``.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from trilith.build.model import Plan
from trilith.build.problems import BuildError, Problem, why

ABOUT = "share/trilith"
PLAN, LOCK, MANIFEST = f"{ABOUT}/plan.json", f"{ABOUT}/trilith-build.lock", f"{ABOUT}/manifest.json"
FORMAT = 1


@dataclass(frozen=True, order=True)
class ResultFile:
    """One file of a result."""

    path: str
    """Below the root, with slashes."""
    sha256: str = ""
    """Of the content; empty for a link."""
    size: int = 0
    brick: str = ""
    """Key of the component that brought it."""
    package: str = ""
    """The Python distribution that it is part of."""
    executable: bool = False
    link: str = ""
    """Where a symbolic link points to."""


@dataclass(frozen=True)
class ResultManifest:
    """What a result holds."""

    catalogue: str
    version: str
    plan: str
    """Digest of the plan."""
    lock: str = ""
    """Digest of the lock; empty where sources were taken as they were found."""
    source_date_epoch: int = 0
    python_version: str = ""
    """``3.11``, for instance; empty where no Python is needed."""
    bricks: tuple[str, ...] = ()
    files: tuple[ResultFile, ...] = field(default_factory=tuple)


def site_packages(root: Path, python_version: str) -> Path:
    """Return the folder of Python packages in a result."""
    return root / f"lib/python{python_version}/site-packages"


def scan(root: Path, bricks: Mapping[str, tuple[str, str]], default: str) -> Iterator[ResultFile]:
    """Yield every file below a root but the manifest itself, sorted by path.

    Args:
        root: a result.
        bricks: brick and Python distribution by path; a path that ends in a slash speaks for all below it.
        default: the brick of what is not named.
    """
    for path in sorted(_walk(root)):
        name = path.relative_to(root).as_posix()
        if name == MANIFEST:
            continue
        brick, package = _owner(name, bricks) or (default, "")
        if path.is_symlink():
            yield ResultFile(name, brick=brick, package=package, link=str(path.readlink()))
            continue
        status = path.stat()
        yield ResultFile(
            name, digest_file(path), status.st_size, brick, package, executable=bool(status.st_mode & 0o100)
        )


def write_manifest(root: Path, manifest: ResultManifest) -> Path:
    """Write ``manifest.json``, whole or not at all; the same bytes for the same result."""
    told = {"format": FORMAT, **asdict(manifest)}
    return write_text(root / MANIFEST, json.dumps(told, indent=1, sort_keys=True) + "\n")


def read_manifest(root: Path) -> ResultManifest:
    """Read ``manifest.json``.

    Raises:
        BuildError: it is not there or cannot be read.
    """
    path = root / MANIFEST
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if told.pop("format") != FORMAT:
            raise BuildError([Problem("is of another format than this builder writes", str(path))])
        files = tuple(ResultFile(**item) for item in told.pop("files"))
        return ResultManifest(**{**told, "bricks": tuple(told["bricks"])}, files=files)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        hint = "a result of 'trilith build' holds one; was the build finished?"
        raise BuildError([Problem(f"cannot be read: {why(error)}", str(path), suggestion=hint)]) from error


def describe_plan(plan: Plan) -> str:
    """Return ``plan.json``: the decisions, without anything of the machine that made them."""
    told = {
        "format": FORMAT,
        "catalogue": plan.catalogue.head.name,
        "digest": plan.digest,
        "version": plan.version.text,
        "container_version": plan.container_version.text,
        "platform": plan.platform.text,
        "machine": plan.machine.text,
        "build_type": plan.build_type.text,
        "settings": {name: value.text for name, value in plan.settings.items()},
        "parts": [_part(part) for part in plan.parts],
        "closure": [item.part.key for item in plan.closure],
    }
    return json.dumps(told, indent=1, sort_keys=True) + "\n"


def _part(part: Any) -> dict[str, Any]:
    return {
        "key": part.key,
        "chosen": part.chosen,
        "reason": "chosen" if part.chosen else part.reason,
        "ref": part.ref,
        "address": part.address,
        "native_features": list(part.component.native_features),
        "python_requirements": list(part.component.python_requirements),
        "debian_run": list(part.component.debian_run),
    }


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_text(path: Path, text: str, mode: int = 0o644) -> Path:
    """Write a file, whole or not at all; two that write it at once do not meet.

    Raises:
        OSError: it cannot be written; its name is in the error.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.chmod(mode)
        partial.replace(path)
    except OSError as error:
        error.filename = str(path)  # what is full or may not be written has no name of its own
        raise
    finally:
        with suppress(OSError):  # where nothing may be written, nothing may be removed either
            partial.unlink(missing_ok=True)
    return path


def _walk(root: Path) -> Iterable[Path]:
    for folder, folders, files in os.walk(root):
        place = Path(folder)
        yield from (place / name for name in files)
        yield from (place / name for name in folders if (place / name).is_symlink())


def _owner(name: str, bricks: Mapping[str, tuple[str, str]]) -> tuple[str, str] | None:
    """Return who brought a path: itself, or the nearest folder above it that somebody speaks for."""
    if name in bricks:
        return bricks[name]
    folder = name
    while "/" in folder:
        folder = folder.rpartition("/")[0]
        if f"{folder}/" in bricks:
            return bricks[f"{folder}/"]
    return None
