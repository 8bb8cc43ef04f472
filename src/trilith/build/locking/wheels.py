"""Locks Python distributions: pip resolves, with its own configuration; the lock keeps names and hashes."""

import json
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from trilith.build.locking.model import LockedWheel
from trilith.build.mirrors import Mirrors
from trilith.build.model import Plan
from trilith.build.problems import BuildError, Problem
from trilith.build.processes import ProgramError, run
from trilith.build.secrets import redact
from trilith.build.store import digest

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
# glibc of Debian 11 and what is older; wheels name the oldest that they run with.
_GLIBC = ("2_31", "2_28", "2_27", "2_24", "2_17")
_OLD_NAMES = ("manylinux2014", "manylinux2010", "manylinux1")
_MACHINE = re.compile(r"(?:x86_64|[a-z0-9]+)$")


def environment(mirrors: Mirrors) -> dict[str, str]:
    """Return what pip is told of mirrors; not on its command line, since an address may hold a token."""
    index = mirrors.single("pypi")
    return {"PIP_INDEX_URL": index} if index else {}


def interpreter_version(plan: Plan) -> str:
    """Return the version of Python that a plan is for: that of images, or this one."""
    setting = plan.settings.get("python-version")
    if setting and (plan.containers or setting.origin != "default"):
        return setting.text
    return this_interpreter()


def this_interpreter() -> str:
    """Return ``3.11``, for instance."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def target_words(machine: str, version: str, here: str) -> list[str]:
    """Return what pip is told to resolve for another machine or Python; nothing for this one."""
    if machine == here and version == this_interpreter():
        return []
    platforms = [f"manylinux_{glibc}_{machine}" for glibc in _GLIBC]
    platforms += [f"{name}_{machine}" for name in _OLD_NAMES]
    words = ["--implementation", "cp", "--python-version", version]
    return [*words, *(word for platform in platforms for word in ("--platform", platform))]


def lock_wheels(
    requirements: Mapping[str, Sequence[str]], use: str, words: Sequence[str], mirrors: Mirrors
) -> list[LockedWheel]:
    """Lock what requirements come down to.

    Args:
        requirements: by who has them.
        use: ``run`` or ``build``.
        words: the target, for pip.
        mirrors: rules for the index.

    Raises:
        BuildError: they cannot be had together.
    """
    wanted = sorted({item for items in requirements.values() for item in items})
    if not wanted:
        return []
    flags = ["--dry-run", "--ignore-installed", "--quiet", "--only-binary=:all:"]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [*PIP, "install", *flags, f"--report={report}", *words, *wanted]
        try:
            run(command, environment=environment(mirrors))
        except ProgramError as error:
            raise BuildError([_unresolved(wanted, use, words, error)]) from error
        told = json.loads(report.read_text(encoding="utf-8"))
    return sorted(_locked(told["install"], requirements, use))


def _locked(
    items: Sequence[Mapping[str, Any]], requirements: Mapping[str, Sequence[str]], use: str
) -> Iterator[LockedWheel]:
    needing = _needed_by(items, requirements)
    for item in items:
        about, source = item["metadata"], item["download_info"]
        name = normal(about["name"])
        place = urlsplit(source["url"])
        file = unquote(place.path.rpartition("/")[2])
        sha256 = source.get("archive_info", {}).get("hashes", {}).get("sha256", "")
        if not sha256 and place.scheme == "file":
            sha256 = digest(Path(url2pathname(place.path)))
        if not sha256:
            message = f"{redact(source['url'])} comes without a SHA-256"
            raise BuildError([Problem(message, field=name, suggestion="use an index that gives hashes")])
        yield LockedWheel(
            name, about["version"], file, sha256, tags_of(file), use, tuple(sorted(needing.get(name, ())))
        )


def tags_of(file: str) -> tuple[str, ...]:
    """Return the tags in a wheel's name."""
    interpreter, abi, platforms = file.removesuffix(".whl").split("-")[-3:]
    return tuple(f"{interpreter}-{abi}-{platform}" for platform in sorted(platforms.split(".")))


def normal(name: str) -> str:
    """Return a distribution's name as indexes compare it."""
    return "-".join(filter(None, name.lower().replace("_", "-").replace(".", "-").split("-")))


def required_name(requirement: str) -> str:
    """Return the distribution that a requirement speaks of."""
    end = next((index for index, letter in enumerate(requirement) if letter in " ;<>=!~[(@"), None)
    return normal(requirement[:end])


def _needed_by(
    items: Sequence[Mapping[str, Any]], requirements: Mapping[str, Sequence[str]]
) -> dict[str, set[str]]:
    """Say which components need each distribution, through others too."""
    below = {
        normal(item["metadata"]["name"]): [
            required_name(text)
            for text in item["metadata"].get("requires_dist", [])
            if "extra ==" not in text
        ]
        for item in items
    }
    found: dict[str, set[str]] = {}
    for key, texts in requirements.items():
        queue = [required_name(text) for text in texts]
        while queue:
            name = queue.pop()
            if name in below and key not in found.setdefault(name, set()):
                found[name].add(key)
                queue += below[name]
    return found


def _unresolved(wanted: Sequence[str], use: str, words: Sequence[str], error: ProgramError) -> Problem:
    purpose = "the build" if use == "build" else "the server"
    machine = _MACHINE.search(words[-1]) if words else None
    target = f" as wheels for {machine[0]}" if machine else ""
    return Problem(
        f"pip cannot resolve what {purpose} requires ({', '.join(wanted)}){target}: {error.shown}",
        suggestion="pip uses its own configuration; 'index' under [pypi] in mirrors.toml sends it elsewhere",
    )
