"""Locks Debian packages: apt resolves from its own index; the lock keeps names, versions and hashes."""

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path

from trilith.build.locking.model import LockedDebian
from trilith.build.problems import BuildError, Problem
from trilith.build.processes import ProgramError, run

_INSTALLED = re.compile(r"^Inst (\S+) .*?\((\S+) .*\[(\S+)\]\)", re.MULTILINE)
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
_LISTS = Path("/var/lib/apt/lists")
ESSENTIAL = ("?essential", "apt")
"""What a system is made of that other packages can be installed on, in the words of apt."""


def architecture_of(machine: str) -> str:
    """Return what Debian calls a machine."""
    return _MACHINES.get(machine, machine)


@dataclass(frozen=True)
class Wanted:
    """Packages for one image."""

    names: Sequence[str]
    status: str = ""
    """What is installed already, as dpkg says it; nothing where that is not known."""


def lock_packages(run_wanted: Wanted, build_wanted: Wanted, machine: str) -> list[LockedDebian]:
    """Lock what a server runs with, and what it is built with besides.

    Raises:
        BuildError: apt has no index, or cannot resolve them.
    """
    found = lock_debian(run_wanted.names, machine, run_wanted.status)
    if not build_wanted.names:
        return found
    known = {item.sha256 for item in found}
    building = lock_debian(build_wanted.names, machine, build_wanted.status)
    besides = [item for item in building if item.sha256 not in known]
    return sorted([*found, *(replace(item, use="build") for item in besides)])


def lock_debian(names: Sequence[str], machine: str, installed: str = "") -> list[LockedDebian]:
    """Lock packages and all that they depend on, but for what is installed.

    Raises:
        BuildError: apt has no index, or cannot resolve them.
    """
    architecture = architecture_of(machine)
    with tempfile.TemporaryDirectory() as folder:
        status = Path(folder) / "status"
        status.write_text(installed, encoding="utf-8")
        options = [f"Dir::State::status={status}", f"APT::Architecture={architecture}"]
        options += ["APT::Install-Recommends=false", "Debug::NoLocking=true"]
        words = [word for option in options for word in ("-o", option)]
        try:
            # What the base has stays as it is, unless something else needs it newer.
            listed = run(["apt-get", *words, "--simulate", "--no-upgrade", "install", *names]).decode()
            found = _INSTALLED.findall(listed)
            if installed and not found:
                return []
            shown = run(
                ["apt-cache", *words, "show", *(f"{name}={version}" for name, version, _ in found)]
            ).decode()
        except ProgramError as error:
            raise BuildError([_unresolved(names, architecture, error)]) from error
    if not found:
        raise BuildError([Problem("apt knows none of its packages", suggestion="run apt-get update")])
    return sorted(set(_records(shown)))


def snapshot() -> str:
    """Return when the newest package index of this machine was made; empty where there is none."""
    times = []
    for path in _LISTS.glob("*Release"):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("Date: "):
                times.append(parsedate_to_datetime(line.removeprefix("Date: ")))
                break
    newest = max(times, default=None)
    return newest.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ") if newest else ""


def _records(shown: str) -> list[LockedDebian]:
    found = []
    for record in shown.split("\n\n"):
        fields = dict(line.partition(": ")[::2] for line in record.splitlines() if not line.startswith(" "))
        if "SHA256" in fields:
            found.append(
                LockedDebian(
                    fields["Package"],
                    fields["Version"],
                    fields["Architecture"],
                    fields["SHA256"],
                    int(fields.get("Size", 0)),
                )
            )
    return found


def _unresolved(names: Sequence[str], architecture: str, error: ProgramError) -> Problem:
    return Problem(
        f"apt cannot resolve {', '.join(names)} for {architecture}: {error.shown}",
        suggestion="is its index there (apt-get update)? apt uses its own configuration",
    )
