"""Walks through the CMake files of a repository as a configure would, and gathers what they fetch."""

import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from trilith.build.cmake import downloads
from trilith.build.cmake.blocks import Block, Body, blocks
from trilith.build.cmake.conditions import holds
from trilith.build.cmake.downloads import Download, fields, of_file, of_project
from trilith.build.cmake.parsing import Command, commands
from trilith.build.cmake.places import PROJECTS
from trilith.build.cmake.setting import assign
from trilith.build.cmake.values import Argument, Frame, Scope, Values, arguments, known

ROOT = "/source"
"""Where the first repository lies, as far as its files can tell."""
BINARIES = "/binaries"
LISTS = "CMakeLists.txt"
# A project that calls itself, or a function, would never end.
_DEEPEST = 24
_MOST_TREES = 256
_USUAL = {
    **dict.fromkeys(("UNIX", "LINUX", "CMAKE_HOST_UNIX"), "1"),
    **dict.fromkeys(("WIN32", "APPLE", "MSVC", "ANDROID", "CYGWIN", "MINGW", "IOS", "CMAKE_HOST_WIN32"), ""),
    **dict.fromkeys(("CMAKE_SYSTEM_NAME", "CMAKE_HOST_SYSTEM_NAME"), "Linux"),
}
_CMAKE_KEYS = ("CMAKE_ARGS", "CMAKE_CACHE_ARGS", "CMAKE_CACHE_DEFAULT_ARGS")


class Tree(Protocol):
    """The files of a repository at one commit."""

    def read(self, path: str) -> str | None:
        """Return a file; ``None`` if there is none."""


@dataclass
class Walk:
    """One walk; what it finds is in ``found``."""

    follow: Callable[[Download], Tree | None]
    """Opens a repository that CMake fetches and configures; ``None`` leaves it alone."""
    found: list[Download] = field(default_factory=list)
    trees: dict[str, tuple[str, Tree]] = field(default_factory=dict)
    """By the folder that each lies in: its name and its files."""
    depth: int = 0
    _functions: dict[str, Block] = field(default_factory=dict)
    _declared: dict[str, Download] = field(default_factory=dict)
    _visited: set[tuple[str, str]] = field(default_factory=set)

    def project(self, name: str, tree: Tree, below: str, told: Mapping[str, str]) -> None:
        """Walk through a project.

        Args:
            name: what its files are called by.
            tree: its files.
            below: the folder of its ``CMakeLists.txt``.
            told: what CMake is told with ``-D``.
        """
        root = ROOT if not self.trees else f"{ROOT}-{len(self.trees)}"
        self.trees[root] = (name, tree)
        scope = Scope({key: known(value) for key, value in told.items()})
        self._configure(posixpath.join(root, below).rstrip("/"), scope, certain=True)

    def _configure(self, folder: str, scope: Scope, *, certain: bool) -> None:
        """Configure a project of its own: nothing of another's variables is seen."""
        scope.variables |= {key: known(value) for key, value in _USUAL.items()}
        for key in ("CMAKE_SOURCE_DIR", "PROJECT_SOURCE_DIR"):
            scope.variables[key] = known(folder)
        scope.variables["CMAKE_BINARY_DIR"] = known(BINARIES)
        before = self._functions, self._declared, self._visited
        self._functions, self._declared, self._visited = {}, {}, set()
        self._folder(folder, Frame(scope, folder, "", certain=certain))
        self._functions, self._declared, self._visited = before

    def _folder(self, folder: str, frame: Frame) -> None:
        scope = frame.scope
        scope.variables["CMAKE_CURRENT_SOURCE_DIR"] = known(folder)
        scope.variables["CMAKE_CURRENT_BINARY_DIR"] = known(f"{BINARIES}{folder}")
        self._file(posixpath.join(folder, LISTS), replace(frame, folder=folder))

    def _file(self, path: str, frame: Frame) -> bool:
        name, text = self._read(path)
        if text is None or self.depth > _DEEPEST:
            return False
        self.depth += 1
        directory = frame.scope.get("CMAKE_CURRENT_LIST_DIR")
        frame.scope.variables["CMAKE_CURRENT_LIST_DIR"] = known(posixpath.dirname(path))
        self._body(blocks(commands(text)), replace(frame, file=name))
        frame.scope.variables["CMAKE_CURRENT_LIST_DIR"] = directory
        self.depth -= 1
        return True

    def _read(self, path: str) -> tuple[str, str | None]:
        plain = posixpath.normpath(path)
        for root in sorted(self.trees, key=len, reverse=True):
            if plain.startswith(f"{root}/"):
                name, tree = self.trees[root]
                below = plain.removeprefix(f"{root}/")
                return f"{name}/{below}", tree.read(below)
        return path, None

    def _body(self, body: Body, frame: Frame) -> None:
        for item in body:
            if isinstance(item, Block):
                self._block(item, frame)
            elif item.name == "return" and frame.certain:
                return
            else:
                self._command(item, frame)

    def _block(self, block: Block, frame: Frame) -> None:
        kind = block.opening.name
        if kind == "if":
            self._if(block, frame)
        elif kind in ("function", "macro"):
            words = arguments(block.opening.words[:1], frame.scope)
            if words:
                self._functions[words[0].one.lower()] = block
        elif kind == "foreach":
            self._foreach(block, frame)
        else:
            self._body(block.branches[0][1], frame.maybe() if kind == "while" else frame)

    def _if(self, block: Block, frame: Frame) -> None:
        for condition, body in block.branches:
            truth = holds(condition, frame.scope)
            if truth is False:
                continue
            self._body(body, frame if truth else frame.maybe())
            if truth:
                return
            frame = frame.maybe()

    def _foreach(self, block: Block, frame: Frame) -> None:
        given = arguments(block.opening.words, frame.scope)
        if not given:
            return
        for values in _items(given[1:], frame.scope):
            frame.scope.variables[given[0].one] = values
            self._body(block.branches[0][1], frame)

    def _command(self, command: Command, frame: Frame) -> None:
        given = arguments(command.words, frame.scope)
        if command.name in self._functions:
            self._call(self._functions[command.name], given, frame)
        elif not assign(command.name, given, frame):
            run = _COMMANDS.get(command.name)
            if run is not None and given:
                run(self, command, given, frame)

    def _call(self, block: Block, given: Sequence[Argument], frame: Frame) -> None:
        if self.depth > _DEEPEST:
            return
        names = [word.text for word in block.opening.words[1:]]
        scope = frame.scope.below() if block.opening.name == "function" else frame.scope
        told: dict[str, Values] = {"ARGC": known(str(len(given)))}
        for index, item in enumerate(given):
            told[names[index] if index < len(names) else f"ARGV{index}"] = item.values
            told[f"ARGV{index}"] = item.values
        told["ARGV"], told["ARGN"] = _list(given), _list(given[len(names) :])
        scope.variables |= told
        self.depth += 1
        self._body(block.branches[0][1], replace(frame, scope=scope))
        self.depth -= 1

    # --- commands, by the table below ---

    def include(self, _: Command, given: Sequence[Argument], frame: Frame) -> None:
        """Run a file, or a module that is found by its name."""
        for name in sorted(given[0].values):
            if name.endswith(".cmake") or "/" in name:
                self._file(posixpath.join(frame.folder, name), frame)
                continue
            for folders in sorted(frame.scope.get("CMAKE_MODULE_PATH")):
                if any(self._file(f"{one}/{name}.cmake", frame) for one in folders.split(";")):
                    break

    def subdirectory(self, _: Command, given: Sequence[Argument], frame: Frame) -> None:
        """Configure a folder, which sees these variables."""
        for name in sorted(given[0].values):
            self._folder(posixpath.join(frame.folder, name), replace(frame, scope=frame.scope.below()))

    def named(self, _: Command, given: Sequence[Argument], frame: Frame) -> None:
        """Note what a project is called."""
        words = [item.one for item in given]
        version = known(words[words.index("VERSION") + 1]) if "VERSION" in words[:-1] else known("")
        for name in ("PROJECT", words[0]):
            frame.scope.variables[f"{name}_VERSION"] = version
            frame.scope.variables[f"{name}_SOURCE_DIR"] = known(frame.folder)
        frame.scope.variables["PROJECT_NAME"] = known(words[0])

    def keywords(self, _: Command, given: Sequence[Argument], frame: Frame) -> None:
        """Run ``cmake_parse_arguments``."""
        words = list(given)
        if words[0].one == "PARSE_ARGV":
            start = int(words[1].one) if words[1:] and words[1].one.isdecimal() else 0
            count = next((text for text in frame.scope.get("ARGC")), "0")
            more = [frame.scope.get(f"ARGV{index}") for index in range(start, int(count))]
            words = [*words[2:], *(Argument(one, "", words[0].word) for one in more)]
        if len(words) >= len(("prefix", "switches", "single", "many")):
            _parse(words, frame)

    def project_of(self, command: Command, given: Sequence[Argument], frame: Frame) -> None:
        """Note what ``ExternalProject_Add`` or ``FetchContent_Declare`` fetches, and look into it."""
        # What is left out of a build is fetched only where something depends on it.
        asked = frame.certain and not _left_out(fields(given))
        made = list(of_project(command, given, frame.file, certain=asked))
        if command.name == "externalproject_add":
            self.found += made
            self._outside(made, given, frame)
            return
        for item in made:
            key = item.name.lower()
            if key in self._declared and self._declared[key].file != item.file:
                continue  # what is declared first counts
            self._declared[key] = item
            self.found.append(item)
        if command.name == "fetchcontent_populate":
            self.available(command, given[:1], frame)

    def available(self, _: Command, given: Sequence[Argument], frame: Frame) -> None:
        """Configure what was declared, as a folder of this project."""
        for item in given:
            made = self._declared.get(item.one.lower())
            tree = self._open(made) if made else None
            if made is None or tree is None:
                continue
            root = f"{ROOT}-{len(self.trees)}"
            self.trees[root] = (made.name, tree)
            frame.scope.variables[f"{made.name.lower()}_SOURCE_DIR"] = known(root)
            self._folder(root, replace(frame, scope=frame.scope.below()))

    def file(self, command: Command, given: Sequence[Argument], frame: Frame) -> None:
        """Note what ``file(DOWNLOAD)`` fetches."""
        self.found += of_file(command, given, frame.file, certain=frame.certain)

    def _outside(self, made: Sequence[Download], given: Sequence[Argument], frame: Frame) -> None:
        """Walk through a project that is configured while this one is built."""
        told = fields(given)
        if told.get("CONFIGURE_COMMAND") is not None:
            return
        cache = _cache(item for key in _CMAKE_KEYS for item in told.get(key, ()))
        below = next((item.one for item in told.get("SOURCE_SUBDIR", ())), "")
        folders = {one for item in told.get("SOURCE_DIR", ())[:1] for one in item.values}
        for item in made:
            tree = self._open(item)
            if tree is not None:
                root = f"{ROOT}-{len(self.trees)}"
                self.trees[root] = (item.name, tree)
                folders = {root}
        for folder in sorted(folders):
            self._configure(
                posixpath.join(folder, below).rstrip("/"), Scope(dict(cache)), certain=frame.certain
            )

    def _open(self, item: Download) -> Tree | None:
        key = (item.address.removesuffix(".git"), item.ref)
        if item.kind != downloads.GIT or not item.address or key in self._visited:
            return None
        if len(self.trees) >= _MOST_TREES:
            return None
        self._visited.add(key)
        return self.follow(item)


def _left_out(told: Mapping[str, Sequence[Argument]]) -> bool:
    values = [item.one for item in told.get("EXCLUDE_FROM_ALL", ())]
    return bool(values) and values[0].upper() not in ("OFF", "FALSE", "NO", "0")


def _items(given: Sequence[Argument], scope: Scope) -> Iterable[Values]:
    """Return what the variable of a loop is, each time."""
    words = [item.one for item in given]
    if words[:1] == ["RANGE"]:
        return []
    if words[:1] != ["IN"]:
        return [item.values for item in given]
    lists = words.index("LISTS") if "LISTS" in words else len(words)
    items = words.index("ITEMS") if "ITEMS" in words else len(words)
    found: list[Values] = []
    for index, item in enumerate(given):
        if index > items:
            found.append(item.values)
        elif index > lists:
            found += [known(one) for text in sorted(scope.get(item.one)) for one in text.split(";") if one]
    return found


def _list(given: Sequence[Argument]) -> Values:
    if not all(item.values for item in given):
        return frozenset()
    return known(";".join(item.one for item in given))


def _cache(given: Iterable[Argument]) -> dict[str, Values]:
    """Return the ``-DNAME:TYPE=VALUE`` among arguments."""
    found: dict[str, Values] = {}
    for item in given:
        texts = item.values or known(item.text)
        for text in texts:
            name, equals, value = text.removeprefix("-D").partition("=")
            if equals and text.startswith("-D"):
                found[name.partition(":")[0]] = known(value) if item.values else frozenset()
    return found


def _parse(words: Sequence[Argument], frame: Frame) -> None:
    prefix, switches, single, many = (item.one for item in words[:4])
    keys = {key: [] for key in f"{single};{many}".split(";") if key}  # type: dict[str, list[Argument]]
    rest: list[Argument] = []
    flags = set(switches.split(";"))
    given = {key: known("FALSE") for key in flags if key}
    current = rest
    for item in words[4:]:
        if item.one in flags:
            given[item.one], current = known("TRUE"), rest
        elif item.one in keys:
            current = keys[item.one]
        else:
            current.append(item)
            current = rest if current is not rest and _is_single(current, keys, single) else current
    given |= {key: _list(items) for key, items in keys.items() if items}
    given["UNPARSED_ARGUMENTS"] = _list(rest)
    for key, values in given.items():
        frame.scope.variables[f"{prefix}_{key}"] = values


def _is_single(current: list[Argument], keys: Mapping[str, list[Argument]], single: str) -> bool:
    return any(current is items and key in single.split(";") for key, items in keys.items())


_COMMANDS: dict[str, Callable[[Walk, Command, Sequence[Argument], Frame], None]] = {
    "include": Walk.include,
    "add_subdirectory": Walk.subdirectory,
    "project": Walk.named,
    "cmake_parse_arguments": Walk.keywords,
    "fetchcontent_makeavailable": Walk.available,
    "file": Walk.file,
    **dict.fromkeys(PROJECTS, Walk.project_of),
}
