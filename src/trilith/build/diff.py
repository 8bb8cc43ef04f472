"""What differs between two builds or two locks: options, versions, files, sizes."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trilith.build.problems import BuildError, Problem
from trilith.build.verifying.subject import Subject, open_subject

# What tells the items of a list apart, so that one that moved is no difference.
_NAMES = ("key", "name", "package", "address", "path")
_ABSENT = object()


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same; one side is empty where it is not there at all."""

    kind: str
    """``plan``, ``lock``, ``brick``, ``package``, ``file``, ``image``."""
    name: str
    before: str = ""
    after: str = ""
    size: int = 0
    """How many bytes were added; negative for less."""

    def __str__(self) -> str:
        """Render as one line."""
        if not self.before:
            return f"+ {self.kind} {self.name}: {self.after}"
        if not self.after:
            return f"- {self.kind} {self.name}: {self.before}"
        return f"~ {self.kind} {self.name}: {self.before} -> {self.after}"


def diff(before: Path, after: Path, *, catalogue: str = "") -> list[Difference]:
    """Compare two results, two images or two locks.

    Raises:
        BuildError: one of them cannot be read.
    """
    if before.is_file() and after.is_file() and not _is_archive(before) and not _is_archive(after):
        return list(compare("lock", read_document(before), read_document(after)))
    with ExitStack() as stack:
        subjects = [stack.enter_context(open_subject(path, catalogue=catalogue)) for path in (before, after)]
        return list(compare_results(*subjects))


def compare_results(before: Subject, after: Subject) -> Iterator[Difference]:
    """Yield what differs between two results."""
    yield from compare("plan", before.plan, after.plan)
    if before.image and after.image:
        yield from compare("image", before.image.settings, after.image.settings)
    for title in sorted(set(before.manifest.bricks) ^ set(after.manifest.bricks)):
        there = title in before.manifest.bricks
        yield Difference("brick", title, "there" if there else "", "" if there else "there")
    files = [{file.path: file for file in subject.manifest.files} for subject in (before, after)]
    for path in sorted({*files[0], *files[1]}):
        old, new = files[0].get(path), files[1].get(path)
        if old and new and (old.sha256, old.link, old.executable) == (new.sha256, new.link, new.executable):
            continue
        size = (new.size if new else 0) - (old.size if old else 0)
        yield Difference("file", path, _describe(old), _describe(new), size)


def compare(kind: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield what differs between two documents, by the path of each value."""
    old, new = dict(_flatten(before)), dict(_flatten(after))
    for name in sorted({*old, *new}):
        if old.get(name, _ABSENT) != new.get(name, _ABSENT):
            yield Difference(kind, name, _text(old, name), _text(new, name))


def read_document(path: Path) -> dict[str, Any]:
    """Read a lock or any other file of TOML or JSON.

    Raises:
        BuildError: it is neither.
    """
    try:
        text = path.read_text(encoding="utf-8")
        told = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise BuildError([Problem(f"cannot be read: {error}", str(path))]) from error
    return dict(told)


def _flatten(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flatten(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _flatten(item, f"{name}[{_title(item, index)}]")
    else:
        yield name, value


def _title(item: Any, index: int) -> str:
    if isinstance(item, Mapping):
        return next((str(item[key]) for key in _NAMES if key in item), str(index))
    return str(item) if isinstance(item, str) else str(index)


def _text(values: Mapping[str, Any], name: str) -> str:
    if name not in values:
        return ""
    return str(values[name]) or "(empty)"


def _describe(file: Any) -> str:
    if file is None:
        return ""
    return f"link to {file.link}" if file.link else f"{file.size} bytes, {file.sha256[:12]}"


def _is_archive(path: Path) -> bool:
    """Say whether a file is a tar archive, by what stands in its header."""
    with path.open("rb") as file:
        return file.read(262)[257:] == b"ustar"
