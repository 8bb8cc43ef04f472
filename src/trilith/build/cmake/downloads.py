"""The commands of CMake that fetch something, and what each of them says."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from trilith.build.cmake.parsing import Command, Word, commands
from trilith.build.cmake.values import Argument, Values, joined, known

GIT, ARCHIVES = "git", "archives"
PROJECTS = ("externalproject_add", "fetchcontent_declare", "fetchcontent_populate")
# Words of ExternalProject and FetchContent that others stand behind; whatever else is a value.
_KEYS = frozenset(
    """
    URL URL_HASH URL_MD5 DOWNLOAD_NAME GIT_REPOSITORY GIT_TAG GIT_SHALLOW GIT_SUBMODULES
    GIT_PROGRESS GIT_REMOTE_NAME GIT_SUBMODULES_RECURSE GIT_CONFIG GIT_REMOTE_UPDATE_STRATEGY
    SOURCE_DIR BINARY_DIR SOURCE_SUBDIR PREFIX TMP_DIR STAMP_DIR LOG_DIR DOWNLOAD_DIR INSTALL_DIR
    CMAKE_ARGS CMAKE_CACHE_ARGS CMAKE_CACHE_DEFAULT_ARGS CMAKE_COMMAND CMAKE_GENERATOR
    DOWNLOAD_COMMAND UPDATE_COMMAND PATCH_COMMAND CONFIGURE_COMMAND BUILD_COMMAND INSTALL_COMMAND
    TEST_COMMAND COMMAND DEPENDS EXCLUDE_FROM_ALL BUILD_ALWAYS BUILD_IN_SOURCE BUILD_BYPRODUCTS
    INSTALL_BYPRODUCTS STEP_TARGETS LIST_SEPARATOR DOWNLOAD_NO_EXTRACT DOWNLOAD_NO_PROGRESS
    DOWNLOAD_EXTRACT_TIMESTAMP UPDATE_DISCONNECTED TIMEOUT INACTIVITY_TIMEOUT HTTP_USERNAME
    HTTP_PASSWORD HTTP_HEADER TLS_VERIFY TLS_CAINFO SVN_REPOSITORY SVN_REVISION HG_REPOSITORY HG_TAG
    CVS_REPOSITORY LOG_DOWNLOAD LOG_UPDATE LOG_CONFIGURE LOG_BUILD LOG_INSTALL LOG_PATCH
    LOG_OUTPUT_ON_FAILURE USES_TERMINAL_DOWNLOAD USES_TERMINAL_BUILD FIND_PACKAGE_ARGS
    OVERRIDE_FIND_PACKAGE SYSTEM QUIET
    """.split()  # noqa: SIM905  a list of them would be a page long
)
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
        if item.one in _KEYS and not item.word.kind:
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


def composed_addresses(text: str) -> list[tuple[int, int, int]]:
    """Return the places of a CMake file where addresses of archives are put together, or several stand.

    Returns:
        for each, where its command begins, and where its words begin and end.
    """
    found = []
    for command in commands(text):
        words = _written(command)
        if len(words) > 1 or any("${" in word.text for word in words):
            found.append((command.start, words[0].start, words[-1].end))
    return found


def _written(command: Command) -> list[Word]:
    """Return the words in which a command names archives, before anything is known of them."""
    if command.name == "file":
        texts = [word.text for word in command.words]
        return list(command.words[1:2]) if texts[:1] == ["DOWNLOAD"] else []
    if command.name not in PROJECTS:
        return []
    found: list[Word] = []
    key = ""
    for word in command.words[1:]:
        if word.text in _KEYS and not word.kind:
            key = word.text
        elif key == "URL":
            found.append(word)
    return found


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
