"""Locks base images: by the digest that a registry gives for one platform, or by the tree of a folder."""

import hashlib
import json
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from trilith.build.locking.model import LockedImage
from trilith.build.mirrors import Mirrors
from trilith.build.problems import BuildError, Problem
from trilith.build.secrets import redact
from trilith.build.store import digest

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_KINDS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_REFERENCE = re.compile(
    r"(?P<host>[\w.-]+(?::\d+)?)/(?P<path>[\w./-]+?)(?::(?P<tag>[\w.-]+))?(?:@(?P<digest>\S+))?"
)
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_SECONDS = 20.0


def lock_image(name: str, reference: str, machine: str, mirrors: Mirrors) -> tuple[LockedImage, str]:
    """Lock an image for a machine.

    Returns:
        the image, and why its digest is not known; empty where it is.
    """
    platform = f"linux/{_ARCHITECTURES.get(machine, machine)}"
    plain = LockedImage(name, reference, platform)
    sent = mirrors.send("containers", reference)
    parts = _REFERENCE.fullmatch(sent)
    if not parts or not ({".", ":"} & set(parts["host"]) or parts["host"] == "localhost"):
        hint = "a rule under [containers] in mirrors.toml says which registry has it"
        return plain, f"image {name} ({reference}): its name holds no registry; {hint}"
    try:
        found = parts["digest"] or _ask(parts["host"], parts["path"], parts["tag"] or "latest", platform)
    except (OSError, ValueError, KeyError) as error:
        return plain, f"image {name}: {sent} cannot be asked: {redact(str(error))}"
    return LockedImage(name, reference, platform, found), ""


def lock_folder(name: str, folder: Path, machine: str) -> LockedImage:
    """Lock an unpacked image of this machine by its tree.

    Raises:
        BuildError: there is no such folder.
    """
    if not folder.is_dir():
        raise BuildError([Problem(f"there is no folder {folder}", field=f"image {name}")])
    platform = f"linux/{_ARCHITECTURES.get(machine, machine)}"
    return LockedImage(name, "folder", platform, f"sha256:{tree_digest(folder)}")


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


def _ask(host: str, path: str, tag: str, platform: str) -> str:
    scheme = "http" if host.partition(":")[0] in ("localhost", "127.0.0.1") else "https"
    address = f"{scheme}://{host}/v2/{path}/manifests/{tag}"
    headers, document = _get(address)
    if "manifests" not in document:
        return headers["Docker-Content-Digest"]
    system, architecture = platform.split("/")
    for item in document["manifests"]:
        about = item.get("platform", {})
        if about.get("os") == system and about.get("architecture") == architecture:
            return str(item["digest"])
    raise ValueError(f"it is not there for {platform}")


def _get(address: str) -> tuple[dict[str, str], dict[str, Any]]:
    headers = {"Accept": ", ".join(_KINDS), "User-Agent": "trilith-build"}
    try:
        return _read(address, headers)
    except urllib.error.HTTPError as error:
        challenge = error.headers.get("WWW-Authenticate", "")
        if not challenge.lower().startswith("bearer "):
            raise
        told = dict(_CHALLENGE.findall(challenge))
    query = urllib.parse.urlencode({key: told[key] for key in ("service", "scope") if key in told})
    _, answer = _read(f"{told['realm']}?{query}", {"User-Agent": "trilith-build"})
    token = answer.get("token") or answer["access_token"]
    return _read(address, {**headers, "Authorization": f"Bearer {token}"})


def _read(address: str, headers: dict[str, str]) -> tuple[dict[str, str], dict[str, Any]]:
    if not address.startswith(("https://", "http://")):
        raise ValueError(f"expected an address of HTTP, found {redact(address)}")
    asked = urllib.request.Request(address, headers=headers)  # noqa: S310  its scheme was checked
    with urllib.request.urlopen(asked, timeout=_SECONDS) as answer:  # noqa: S310
        return dict(answer.headers), json.load(answer)
