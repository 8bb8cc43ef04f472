"""What this machine has for a build, and what it lacks."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

from trilith.build.catalogue import Catalogue
from trilith.build.catalogue.schema import Head
from trilith.build.mirrors import PREFIXES, SINGLE, Mirrors
from trilith.build.processes import run_to_end
from trilith.build.secrets import redact, request_of
from trilith.build.size import show

_VERSION = re.compile(r"\d+(?:\.\d+)+")
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")
SECONDS = 10
_LOCKED = (401, 403, 407)
"""Answers of a mirror that is there, and not for us."""
# A build of the upstream server with its third-party closure takes some thirty gigabytes, one of this server
# with its Rust dependencies some two.
DISK = {"cmake": 30 * 10**9, "wheel": 3 * 10**9}


@dataclass(frozen=True)
class Tool:
    """A program that builds may use."""

    name: str
    purpose: str
    builders: tuple[str, ...] = ()
    """Kinds of catalogues that need it for a build on this machine; otherwise it is only useful."""
    words: tuple[str, ...] = ("--version",)


TOOLS = (
    Tool("git", "fetches sources", ("cmake",)),
    Tool("cmake", "configures the upstream server", ("cmake",)),
    Tool("make", "builds the upstream server", ("cmake",)),
    Tool("g++", "compiles the upstream server", ("cmake",)),
    Tool("patch", "applies patches of third-party libraries", ("cmake",)),
    Tool("python3", "runs build tools", ("cmake", "wheel")),
    Tool("cargo", "builds the extension", ("wheel",)),
    Tool("rustc", "compiles the extension", ("wheel",)),
    Tool("cc", "links the extension", ("wheel",)),
    Tool("tar", "copies sources", ("wheel",)),
    Tool("maturin", "builds the wheel; is fetched where it is missing"),
    Tool("ninja", "builds faster than make"),
    Tool("unshare", "cuts a build off from the network, and enters an image's root"),
    Tool("strace", "proves that a build asked for no network", (), ("-V",)),
    Tool("docker", "builds in containers"),
    Tool("podman", "builds in containers without a daemon"),
    Tool("buildah", "builds Dockerfiles without a daemon"),
    Tool("skopeo", "copies images between registries and folders"),
)


@dataclass(frozen=True)
class Sight:
    """One thing that was looked at."""

    topic: str
    name: str
    found: str
    """What there is; empty if it is missing."""
    purpose: str = ""
    needed: bool = False

    @property
    def lacks(self) -> bool:
        """Whether a build cannot do without it and it is not there."""
        return self.needed and not self.found


Runner = Callable[[list[str]], tuple[int, str]]


def run_quietly(words: list[str]) -> tuple[int, str]:
    """Run a program; its status and what it said."""
    try:
        done = run_to_end(words, seconds=SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return 126, str(error)
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


def examine(
    catalogue: Catalogue,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    run: Runner = run_quietly,
) -> list[Sight]:
    """Look at tools, namespaces, disk and proxies; no network is used."""
    return [
        *_tools(catalogue.head, run),
        *_namespaces(run),
        _disk(catalogue.head.builder, folder),
        *_proxies(os.environ if environment is None else environment),
    ]


def reach(mirrors: Mirrors, fetch: Callable[[str], str] | None = None) -> Iterator[Sight]:
    """Ask each mirror whether it is there; this uses the network."""
    for kind in (*PREFIXES, *SINGLE):
        for target in mirrors.of(kind).values():
            found = (fetch or answer_of)(target)
            name = f"{kind}: {redact(target)}"
            yield Sight("mirrors", name, found, "is asked for what its rule covers", needed=True)


def answer_of(address: str) -> str:
    """Return what an address answers; empty if nothing does."""
    address = address.removeprefix("sparse+")
    parts = urlsplit(address)
    if parts.scheme in ("", "file"):
        return "a folder" if Path(parts.path).exists() else ""
    if parts.scheme not in ("http", "https"):
        return "not asked: neither http nor a folder"
    try:
        with urlopen(request_of(address, method="HEAD"), timeout=SECONDS) as answer:  # noqa: S310  http alone, as seen
            return f"answers {answer.status}"
    except HTTPError as error:
        return f"answers {error.code}" if error.code not in _LOCKED else ""
    except (OSError, HTTPException, ValueError):
        return ""


def _tools(head: Head, run: Runner) -> Iterator[Sight]:
    for tool in TOOLS:
        found, purpose, least = "", tool.purpose, head.tools.get(tool.name, "")
        if shutil.which(tool.name):
            version = _VERSION.search(run([tool.name, *tool.words])[1])
            found = version[0] if version else "there, version unknown"
            if version and _numbers(version[0]) < _numbers(least):
                found, purpose = "", f"{purpose}; {version[0]} is here, and {least} is needed"
        yield Sight("tools", tool.name, found, purpose, head.builder in tool.builders)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part)


def _namespaces(run: Runner) -> Iterator[Sight]:
    for name, words in (
        ("user and network", ["unshare", "--user", "--map-root-user", "--net", "true"]),
        ("user and mount", ["unshare", "--user", "--map-root-user", "--mount", "true"]),
    ):
        works = shutil.which("unshare") is not None and run(words)[0] == 0
        purpose = "builds without a network" if "net" in name else "runs an image's root without privileges"
        yield Sight("namespaces", name, "allowed" if works else "", purpose)


def _disk(builder: str, folder: Path) -> Sight:
    place = folder.resolve()
    while not place.exists():
        place = place.parent
    free, wanted = shutil.disk_usage(place).free, DISK.get(builder, 0)
    found = f"{show(free)} free" if free >= wanted else ""
    return Sight(
        "disk", str(place), found, f"a build takes up to {show(wanted)}, {show(free)} are free", needed=True
    )


def _proxies(environment: Mapping[str, str]) -> Iterator[Sight]:
    for name in (*_PROXIES, *(name.upper() for name in _PROXIES)):
        if environment.get(name):
            yield Sight(
                "proxies", name, _without_secret(environment[name]), "is passed on to builds by its name"
            )


def _without_secret(address: str) -> str:
    """Return a proxy's address without user and password."""
    before, at, host = address.rpartition("@")
    scheme = before.partition("://")[0] + "://" if "://" in before else ""
    return f"{scheme}{host}" if at else address
