"""What differs between two builds or two locks: options, versions, files, sizes."""

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trilith.build.problems import BuildError, Problem, why
from trilith.build.verifying.subject import Subject, open_subject

# What tells the items of a list apart, so that one that moved is no difference.
_NAMES = ("key", "name", "use", "of", "path", "package")
_KNOWN_BY = ("version", "commit", "digest", "sha256", "ref", "reason")
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
    for name in sorted({*before, *after}):
        yield from _compare(kind, name, before.get(name, _ABSENT), after.get(name, _ABSENT))


def _compare(kind: str, name: str, old: Any, new: Any) -> Iterator[Difference]:
    if old == new:
        return
    there = [value for value in (old, new) if value is not _ABSENT]
    if all(isinstance(value, list) for value in there):
        items = [_by_title(value) if value is not _ABSENT else {} for value in (old, new)]
        for title in sorted({*items[0], *items[1]}):
            one, other = (found.get(title, _ABSENT) for found in items)
            plain = not any(isinstance(value, Mapping | list) for value in (one, other))
            yield from _compare(kind, name if plain else f"{name}[{title}]", one, other)
    elif len(there) > 1 and all(isinstance(value, Mapping) for value in there):
        for key in sorted({*old, *new}):
            yield from _compare(kind, f"{name}.{key}", old.get(key, _ABSENT), new.get(key, _ABSENT))
    else:
        yield Difference(kind, name, _text(old), _text(new))


def _by_title(items: Sequence[Any]) -> dict[str, Any]:
    """Return the items of a list by what tells them apart."""
    found: dict[str, Any] = {}
    for index, item in enumerate(items):
        title = _title(item, index)
        if title in found:  # two versions of a crate, for instance
            title = f"{title} {_text(item)}"
        found[title] = item
    return found


def read_document(path: Path) -> dict[str, Any]:
    """Read a lock or any other file of TOML or JSON.

    Raises:
        BuildError: it is neither.
    """
    try:
        text = path.read_text(encoding="utf-8")
        told = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise BuildError([Problem(f"cannot be read: {why(error)}", str(path))]) from error
    return dict(told)


def _title(item: Any, index: int) -> str:
    if isinstance(item, Mapping):
        return " ".join(str(item[key]) for key in _NAMES if key in item) or str(index)
    return str(item) if isinstance(item, str) else str(index)


def _text(value: Any) -> str:
    """Return a value as text; of a table, what it is best known by. Empty for what is not there."""
    if value is _ABSENT:
        return ""
    if isinstance(value, Mapping):
        return next((str(value[key]) for key in _KNOWN_BY if value.get(key)), "there")
    return str(value) if value not in ("", None) else "(empty)"


def _describe(file: Any) -> str:
    if file is None:
        return ""
    return f"link to {file.link}" if file.link else f"{file.size} bytes, {file.sha256[:12]}"


def _is_archive(path: Path) -> bool:
    """Say whether a file is a tar archive, by what stands in its header."""
    with path.open("rb") as file:
        return file.read(262)[257:] == b"ustar"
