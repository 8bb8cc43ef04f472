"""Locks base images: by the digest that a registry gives for one platform, or by the tree of a folder."""

import hashlib
import os
from pathlib import Path

from trilith.build.locking.model import LockedImage
from trilith.build.mirrors import Mirrors
from trilith.build.registries import registry_of
from trilith.build.secrets import redact
from trilith.build.store import digest

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def lock_image(name: str, reference: str, machine: str, mirrors: Mirrors) -> tuple[LockedImage, str]:
    """Lock an image for a machine.

    Returns:
        the image, and why its digest or its layers are not known; empty where they are.
    """
    platform = platform_of(machine)
    plain = LockedImage(name, reference, platform)
    registry = registry_of(reference, mirrors)
    if registry is None:
        hint = "a rule under [containers] in mirrors.toml says which registry has it"
        return plain, f"image {name} ({reference}): its name holds no registry; {hint}"
    sent = mirrors.send("containers", reference)
    try:
        found = registry.find(platform)
    except (OSError, ValueError, KeyError) as error:
        return plain, f"image {name}: {sent} cannot be asked: {redact(str(error))}"
    try:
        about = registry.describe(found, platform)
    except (OSError, ValueError, KeyError) as error:
        note = f"image {name}: it is not known what {sent} is made of: {redact(str(error))}"
        return LockedImage(name, reference, platform, found), note
    return LockedImage(name, reference, platform, about.digest, about.layers, about.environment), ""


def platform_of(machine: str) -> str:
    """Return what registries call a machine."""
    return f"linux/{_ARCHITECTURES.get(machine, machine)}"


def tree_digest(folder: Path) -> str:
    """Return a hash over names, kinds, executability and contents of all that lies below a folder."""
    hasher = hashlib.sha256()
    for place, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted([*files, *(one for one in folders if (Path(place) / one).is_symlink())]):
            path = Path(place) / name
            shown = path.relative_to(folder).as_posix()
            if path.is_symlink():
                hasher.update(f"link {shown}\0{path.readlink()}\0".encode())
            elif path.is_file():
                run = "x" if path.stat().st_mode & 0o100 else "-"
                hasher.update(f"file {run} {shown}\0{digest(path)}\0".encode())
    return hasher.hexdigest()
