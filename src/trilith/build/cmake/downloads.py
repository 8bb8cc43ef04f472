"""The commands of CMake that fetch something, and what each of them says."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from trilith.build.cmake.parsing import Command
from trilith.build.cmake.places import KEYS
from trilith.build.cmake.values import Argument, Values, joined, known

GIT, ARCHIVES = "git", "archives"
_REMOTE = re.compile(r"(?:https?|ftp|git|ssh)://|git@")
_SHA256 = re.compile(r"(?i)(?:SHA256=|EXPECTED_HASH;SHA256=)([0-9a-f]{64})")
# What git calls the branch where CMake is told none.
_USUAL_BRANCH = "master"


@dataclass(frozen=True)
class Download:
    """Something that CMake fetches."""

    kind: str
    """``git`` or ``archives``: which table of ``mirrors.toml`` it belongs to."""
    name: str
    address: str
    """Empty where it shows only when CMake runs."""
    ref: str = ""
    sha256: str = ""
    file: str = ""
    line: int = 0
    text: str = ""
    """How the address is written."""
    certain: bool = True
    """Whether it is fetched whatever else CMake finds."""

    @property
    def where(self) -> str:
        """Where it stands."""
        return f"{self.file}:{self.line}"


def fields(given: Sequence[Argument]) -> Mapping[str, list[Argument]]:
    """Return the values of ``ExternalProject_Add`` and ``FetchContent_Declare`` by their keys."""
    found: dict[str, list[Argument]] = {}
    key = ""
    for item in given[1:]:
        if item.one in KEYS and not item.word.kind:
            key = item.one
            found.setdefault(key, [])
        elif key:
            found[key].append(item)
    return found


def of_project(
    command: Command, given: Sequence[Argument], file: str, *, certain: bool
) -> Iterator[Download]:
    """Yield what ``ExternalProject_Add`` or ``FetchContent_Declare`` fetches."""
    told = fields(given)
    name = given[0].one
    place = {"file": file, "line": command.line}
    for item in told.get("GIT_REPOSITORY", ())[:1]:
        tags = [one.values for one in told.get("GIT_TAG", ())[:1]] or [known(_USUAL_BRANCH)]
        for address, ref in _pairs(item.values, tags[0]):
            sure = certain and len(item.values) == 1 and len(tags[0]) == 1
            yield Download(GIT, name, address, ref, text=item.text, certain=sure, **place)  # type: ignore[arg-type]
    sha256 = _hash(joined((one.values for one in told.get("URL_HASH", ())), ";"))
    for item in told.get("URL", ()):
        yield from _archives(name, item, sha256, (file, command.line), certain=certain)


def of_file(command: Command, given: Sequence[Argument], file: str, *, certain: bool) -> Iterator[Download]:
    """Yield what ``file(DOWNLOAD ...)`` fetches."""
    words = [item.one for item in given]
    if words[:1] != ["DOWNLOAD"] or len(words) < len(("DOWNLOAD", "address")):
        return
    behind = words[words.index("EXPECTED_HASH") + 1 :][:1] if "EXPECTED_HASH" in words else []
    sha256 = _hash(known(*behind)) if behind else ""
    yield from _archives("file", given[1], sha256, (file, command.line), certain=certain)


def _archives(
    name: str, item: Argument, sha256: str, place: tuple[str, int], *, certain: bool
) -> Iterator[Download]:
    file, line = place
    sure = certain and len(item.values) == 1
    for address in sorted(item.values):
        if _REMOTE.match(address):
            yield Download(ARCHIVES, name, address, "", sha256, file, line, item.text, sure)
    if not item.values:
        yield Download(ARCHIVES, name, "", "", sha256, file, line, item.text, certain)


def _pairs(addresses: Values, refs: Values) -> Iterator[tuple[str, str]]:
    """Yield addresses with refs; an empty text for what is not known."""
    for address in sorted(addresses) or [""]:
        if address and not _REMOTE.match(address):
            continue  # a folder of this machine
        for ref in sorted(refs) or [""]:
            yield address, ref.removeprefix("origin/")


def _hash(values: Values) -> str:
    match = _SHA256.fullmatch(next(iter(values))) if len(values) == 1 else None
    return match[1].lower() if match else ""
