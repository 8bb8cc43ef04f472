"""What is verified: a folder on this machine, or an image unpacked beside it."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trilith.build.catalogue import Catalogue, load, names
from trilith.build.host import this_host
from trilith.build.image.reading import INDEX, Image, open_image
from trilith.build.image.unpacking import unpack
from trilith.build.problems import BuildError, Problem, why
from trilith.build.result import MANIFEST, PLAN, ResultManifest, read_manifest, scan


@dataclass(frozen=True)
class Subject:
    """A result, opened."""

    place: Path
    """As it was named."""
    root: Path
    """The folder of the result."""
    system: Path
    """Root of the system that it runs on."""
    catalogue: Catalogue
    manifest: ResultManifest
    machine: str
    plan: dict[str, Any] = field(default_factory=dict)
    """``plan.json``; empty where the result has none."""
    image: Image | None = None

    @property
    def parts(self) -> frozenset[str]:
        """Keys of the components of the plan, or of those whose files are there."""
        told = self.plan.get("parts")
        if isinstance(told, list):
            return frozenset(str(part.get("key")) for part in told if isinstance(part, dict))
        return frozenset(self.manifest.bricks)

    @property
    def facts(self) -> frozenset[str]:
        """Facts for the conditions of the catalogue: ``KIND:NAME`` of each part."""
        return frozenset(key.replace(".", ":", 1) for key in self.parts)

    def inside(self, path: Path) -> str:
        """Return how the system calls a path of the result."""
        return str(path) if self.image is None else "/" + path.relative_to(self.system).as_posix()


@contextmanager
def open_subject(path: Path, *, catalogue: str = "", base: Path | None = None) -> Iterator[Subject]:
    """Open a result; an image is unpacked for as long as this lasts.

    Raises:
        BuildError: it is neither a result nor an image.
    """
    place = _plain(path)
    if not place.exists():
        hint = "name a result, an OCI layout or an archive for docker load"
        raise BuildError([Problem("there is nothing here", str(place), suggestion=hint)])
    if place.is_dir() and not (place / INDEX).is_file():
        yield _of_folder(place, place.resolve(), base or Path("/"), catalogue, None)
        return
    image = open_image(place)
    with tempfile.TemporaryDirectory(prefix="trilith-verify-") as temporary:
        root = unpack(image, Path(temporary) / "root").root
        yield _of_folder(place, _find(root, image, place), root, catalogue, image)


def subject_of(root: Path, catalogue: Catalogue) -> Subject:
    """Open a result that was just built from a catalogue.

    Raises:
        BuildError: it is no result of this catalogue.
    """
    return _of_catalogue((root, root.resolve(), Path("/")), catalogue, _plan(root), None)


def open_folder(root: Path, catalogue: Catalogue) -> ResultManifest:
    """Read a result's manifest, or describe a folder by what its catalogue says of it.

    Raises:
        BuildError: it is no result of this catalogue.
    """
    if (root / MANIFEST).is_file():
        return read_manifest(root)
    if not looks_like(root, catalogue):
        hint = "name a result of 'trilith build', an installation of the upstream server or an image"
        raise BuildError(
            [Problem(f"is no result of the catalogue {catalogue.head.name}", str(root), suggestion=hint)]
        )
    owners = owners_of(catalogue)
    files = tuple(scan(root, owners, catalogue.head.main))
    bricks = tuple(dict.fromkeys([catalogue.head.main, *sorted({file.brick for file in files})]))
    return ResultManifest(catalogue.head.name, "", "", bricks=bricks, files=files)


def owners_of(catalogue: Catalogue) -> dict[str, tuple[str, str]]:
    """Return whose each folder of a result is, as the components say that they install it."""
    found: dict[str, tuple[str, str]] = {}
    for key, part in catalogue.components.items():
        for copy in part.install:
            name = copy.path.rpartition("/")[2]
            if key != catalogue.head.main and "*" not in name:
                found[f"{copy.to}/{name}/".lstrip("/")] = (key, "")
    return found


def looks_like(root: Path, catalogue: Catalogue) -> bool:
    """Say whether a folder has the server of a catalogue."""
    command = catalogue.serving.command or catalogue.head.command
    return bool(command) and (root / "bin" / command[0]).exists()


def _of_folder(place: Path, root: Path, system: Path, name: str, image: Image | None) -> Subject:
    plan = _plan(root)
    if not name and not plan and (root / MANIFEST).is_file():
        name = read_manifest(root).catalogue
    catalogue = load(name or str(plan.get("catalogue", "")) or _guess(root, place))
    return _of_catalogue((place, root, system), catalogue, plan, image)


def _of_catalogue(
    where: tuple[Path, Path, Path], catalogue: Catalogue, plan: dict[str, Any], image: Image | None
) -> Subject:
    told = (image.machine if image else "") or str(plan.get("machine", ""))
    machine = told or this_host(catalogue.head).machine
    return Subject(*where, catalogue, open_folder(where[1], catalogue), machine, plan, image)


def _plan(root: Path) -> dict[str, Any]:
    try:
        told = json.loads((root / PLAN).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise BuildError([Problem(f"cannot be read: {why(error)}", str(root / PLAN))]) from error
    return told if isinstance(told, dict) else {}


def _guess(root: Path, place: Path) -> str:
    for name in names():
        if looks_like(root, load(name)):
            return name
    hint = "name a result of 'trilith build', an installation of the upstream server or an image"
    raise BuildError([Problem("is no server that a catalogue knows", str(place), suggestion=hint)])


def _find(root: Path, image: Image, place: Path) -> Path:
    """Return where the result lies in an unpacked image."""
    candidates = [str(image.settings.get("WorkingDir") or "/")]
    known = [load(name) for name in names()]
    candidates += [catalogue.head.root for catalogue in known]
    for candidate in candidates:
        folder = root / candidate.strip("/")
        if (folder / MANIFEST).is_file() or any(looks_like(folder, catalogue) for catalogue in known):
            return folder
    told = f"no server lies in any of {', '.join(candidates)}"
    hint = "name its catalogue with --catalogue=FILE, or set WorkingDir of the image to where it lies"
    raise BuildError([Problem(told, str(place), suggestion=hint)])


def _plain(path: Path) -> Path:
    """Return a path without the kind of an image before it."""
    kind, colon, rest = str(path).partition(":")
    return Path(rest) if colon and kind in ("oci", "docker-archive") else path
