"""Which files of a result stay when bricks go, and why."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from email.parser import HeaderParser
from pathlib import Path

from trilith.build.binaries import Tree, close, is_binary
from trilith.build.problems import BuildError, Problem
from trilith.build.result import ResultFile, site_packages
from trilith.build.spelling import suggest
from trilith.build.verifying.subject import Subject

KINDS = ("backend", "repoagent", "cache")
"""Kinds of bricks that have files of their own; the others are part of the server's code."""


@dataclass(frozen=True)
class Cut:
    """What stays and what goes."""

    kept: tuple[ResultFile, ...]
    gone: tuple[ResultFile, ...]
    bricks: tuple[str, ...]
    """Those that stay."""
    dropped: tuple[str, ...]
    rescued: Mapping[str, str] = field(default_factory=dict)
    """Files of bricks that go and that somebody who stays needs; by path, with who."""


def cut(subject: Subject, wanted: Mapping[str, Iterable[str]]) -> Cut:
    """Decide which files stay.

    Args:
        subject: the larger server.
        wanted: names by kind of brick.

    Raises:
        BuildError: it has no such brick; all are named.
    """
    there = set(subject.manifest.bricks) | {file.brick for file in subject.manifest.files}
    chosen = {f"{kind}.{name}" for kind, names in wanted.items() for name in names}
    _check(subject, chosen, there)
    dropped = {key for key in there if key.partition(".")[0] in KINDS and key not in chosen}
    gone = {file.path: file for file in subject.manifest.files if file.brick in dropped}
    rescued = _packages(subject, gone, dropped)
    for path in rescued:
        gone.pop(path)
    more = _libraries(subject, gone)
    for path in more:
        gone.pop(path)
    kept = tuple(file for file in subject.manifest.files if file.path not in gone)
    return Cut(
        kept,
        tuple(gone.values()),
        tuple(brick for brick in subject.manifest.bricks if brick not in dropped),
        tuple(sorted(dropped)),
        {**rescued, **more},
    )


def _check(subject: Subject, chosen: set[str], there: set[str]) -> None:
    built_in = {key for key, part in subject.catalogue.components.items() if part.build == "option"}
    problems = []
    for key in sorted(chosen - there - built_in):
        kind, _, name = key.partition(".")
        known = sorted(other.partition(".")[2] for other in there if other.startswith(f"{kind}."))
        hint = suggest(name, known) or f"it has {', '.join(known) or 'none'}"
        problems.append(Problem(f"--{kind}={name}: {subject.place} has no such {kind}", suggestion=hint))
    if problems:
        raise BuildError(problems)


def _packages(subject: Subject, gone: Mapping[str, ResultFile], dropped: set[str]) -> dict[str, str]:
    """Return files of Python packages that others which stay require."""
    if not subject.manifest.python_version:
        return {}
    from packaging.requirements import Requirement  # noqa: PLC0415
    from packaging.utils import canonicalize_name  # noqa: PLC0415

    requires = _requires(site_packages(subject.root, subject.manifest.python_version))
    leaving = {str(canonicalize_name(file.package)) for file in gone.values() if file.package}
    staying = {
        str(canonicalize_name(file.package)): file.package
        for file in subject.manifest.files
        if file.package and file.path not in gone
    }
    needed: dict[str, str] = {}
    queue = list(staying)
    for part in subject.plan.get("parts", ()):
        if part.get("key") not in dropped:
            for text in part.get("python_requirements", ()):
                name = str(canonicalize_name(Requirement(text).name))
                queue.append(name)
                needed.setdefault(name, str(part["key"]))
    seen: set[str] = set()
    while queue:
        name = queue.pop()
        if name in seen:
            continue
        seen.add(name)
        for other in requires.get(name, ()):
            needed.setdefault(other, name)
            queue.append(other)
    own = set(staying)
    return {
        path: needed[name]
        for path, file in gone.items()
        if file.package and (name := str(canonicalize_name(file.package))) in leaving & set(needed) - own
    }


def _requires(packages: Path) -> dict[str, list[str]]:
    from packaging.requirements import Requirement  # noqa: PLC0415
    from packaging.utils import canonicalize_name  # noqa: PLC0415

    found: dict[str, list[str]] = {}
    for path in sorted(packages.glob("*.dist-info/METADATA")):
        message = HeaderParser().parsestr(path.read_text(encoding="utf-8", errors="replace"))
        requirements = [Requirement(text) for text in message.get_all("Requires-Dist") or ()]
        found[str(canonicalize_name(str(message["Name"])))] = [
            str(canonicalize_name(one.name))
            for one in requirements
            if one.marker is None or one.marker.evaluate({"extra": ""})
        ]
    return found


def _libraries(subject: Subject, gone: Mapping[str, ResultFile]) -> dict[str, str]:
    """Return libraries among what goes that executables and libraries which stay are linked with."""
    tree = Tree(subject.system)
    folders = [
        text.replace("{root}", subject.inside(subject.root))
        for text in subject.catalogue.serving.environment.get("LD_LIBRARY_PATH", "").split(":")
        if text
    ]
    found: dict[str, str] = {}
    roots = [
        subject.root / file.path
        for file in subject.manifest.files
        if file.path not in gone and not file.link and is_binary(subject.root / file.path)
    ]
    for path, user in close(tree, roots, subject.machine, folders=folders).users.items():
        name = _below(tree.resolve(path), subject.root)
        if name in gone:
            found[name] = user
    found |= {
        path: f"link to {path}"
        for path, file in gone.items()
        if file.link and _below((subject.root / path).resolve(), subject.root) in found
    }
    return found


def _below(place: Path | None, root: Path) -> str:
    if place is None or not place.is_relative_to(root.resolve()):
        return ""
    return place.relative_to(root.resolve()).as_posix()
