"""Base images that lie on this machine: their layers go into the store, and so into a bundle."""

from pathlib import Path

from trilith.build.image.bases import folder_base, image_base
from trilith.build.image.reading import INDEX, is_image, open_image
from trilith.build.image.unpacking import read_file
from trilith.build.locking.images import platform_of, tree_digest
from trilith.build.locking.model import LockedImage
from trilith.build.problems import BuildError, Problem
from trilith.build.store import Store

PACKAGES, FOLDER, IMAGE = "packages", "folder", "image"
STATUS = "var/lib/dpkg/status"
_KINDS = ("oci", "docker-archive")
# When archives of the zip format begin: layers that are made of folders carry no time of their own.
_TIME = 315532800


def lock_root(name: str, base: str, machine: str, store: Store) -> LockedImage:
    """Lock a base image of this machine.

    Args:
        name: what the plan calls it.
        base: ``packages`` for the locked Debian packages, a root folder, an OCI layout or an archive for
            ``docker load``.
        machine: what it has to be for.
        store: where its layers go.

    Raises:
        BuildError: there is no such thing, or it is for another machine.
    """
    platform = platform_of(machine)
    if base == PACKAGES:
        return LockedImage(name, PACKAGES, platform)
    path = _path(base)
    if not path.exists():
        hint = "name a root folder, oci:FOLDER, docker-archive:FILE, or packages"
        raise BuildError([Problem(f"there is no {path}", field=f"image {name}", suggestion=hint)])
    if path.is_dir() and not (path / INDEX).is_file():
        found, reference, digest = folder_base(path), FOLDER, f"sha256:{tree_digest(path)}"
    else:
        found, reference, digest = image_base(path), IMAGE, open_image(path).digest
    if found.machine and found.machine != machine:
        message = f"is for {found.machine}, and the plan is for {machine}"
        raise BuildError([Problem(message, str(path), f"image {name}")])
    with store.scratch() as scratch:
        layers = []
        for layer in found.layers(scratch, _TIME):
            sha256 = layer.digest.removeprefix("sha256:")
            layers.append(sha256)
            if not store.blob(sha256).is_file():
                store.put(layer.file, sha256, f"image {name}")
    return LockedImage(name, reference, platform, digest, tuple(layers), found.environment)


def installed(base: str) -> str:
    """Return what is installed in a base image, as dpkg says it; empty where that is not known."""
    if not base or base == PACKAGES:
        return ""
    path = _path(base)
    if (path / STATUS).is_file():
        return (path / STATUS).read_text(encoding="utf-8", errors="replace")
    if not is_image(path):
        return ""
    return read_file(open_image(path), STATUS).decode("utf-8", "replace")


def _path(base: str) -> Path:
    kind, colon, rest = base.partition(":")
    return Path(rest if colon and kind in _KINDS else base)
