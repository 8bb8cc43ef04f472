"""Components that are handed over prebuilt: looked at before anything is built, and told to CMake.

What is looked for stands in the catalogue, in tables ``[prebuilt.NAME]``.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from trilith.build.binaries import Binary, Damaged, Tree, close, read
from trilith.build.binaries.elf import cxx_abi
from trilith.build.catalogue.libraries import owner_of
from trilith.build.catalogue.schema import Catalogue, Prebuilt
from trilith.build.model import OWN_CONTAINERS, Plan, Seed
from trilith.build.problems import BuildError, Problem
from trilith.build.selection import Choice, Selection
from trilith.build.spelling import suggest
from trilith.build.store import default_store, digest
from trilith.build.unpacking import unpack_wheel

FLAG = "component"
EXTRA = "extra-backend-cmake-arg"
WHEEL = ".whl"
_VERSION = re.compile(r"\d+(?:\.\d+)+")


@dataclass(frozen=True)
class Handed:
    """A component that was handed over, looked at."""

    prebuilt: Prebuilt
    place: Path
    headers: Path
    libraries: Path
    version: str
    """Empty where it does not say."""
    copies: tuple[Path, ...]
    """Its libraries, with links to them, and those of its own that they need."""

    @property
    def name(self) -> str:
        """Name of the component that takes it."""
        return self.prebuilt.component.partition(".")[2]

    def arguments(self) -> Iterator[str]:
        """Yield what CMake is told, as ``--extra-backend-cmake-arg`` takes it."""
        if self.prebuilt.build_folder:
            return
        yield f"{self.name}:{self.prebuilt.include_argument}:PATH={self.headers}"
        yield f"{self.name}:{self.prebuilt.library_argument}:PATH={self.libraries}"

    def seed(self) -> Seed:
        """Return what is laid into the build of the component."""
        links: dict[str, str] = {}
        for name, pattern in self.prebuilt.links.items():
            fitting = [path.name for path in self.copies if fnmatchcase(path.name, pattern)]
            links |= {name: min(fitting, key=len)} if fitting and name not in fitting else {}
        return Seed(self.prebuilt.component, self.prebuilt.build_folder, self.headers, self.copies, links)


def hand_over(
    selection: Selection, catalogue: Catalogue, machine: str
) -> tuple[Selection, tuple[Handed, ...]]:
    """Look at every component that a selection hands over, and add what CMake must be told.

    Raises:
        BuildError: one of them will not do; everything that is wrong is named.
    """
    handed: list[Handed] = []
    problems: list[Problem] = []
    for choice in selection.all(FLAG):
        try:
            handed.append(_look(choice.value, selection, catalogue, machine))
        except BuildError as error:
            problems += error.problems
    if problems:
        raise BuildError(problems)
    more = [Choice(text, f"--{FLAG}") for one in handed for text in one.arguments()]
    choices = {**selection.choices, EXTRA: (*selection.all(EXTRA), *more)} if more else selection.choices
    return Selection(choices), tuple(handed)


def settle(plan: Plan, handed: Iterable[Handed]) -> Plan:
    """Take out of a plan what need not be fetched, and put in what is copied."""
    handed = tuple(handed)
    replaced = {key for one in handed for key in one.prebuilt.replaces}
    copies = tuple(
        (one.prebuilt.component, path, one.prebuilt.to)
        for one in handed
        for path in one.copies
        if one.prebuilt.to
    )
    seeds = tuple(one.seed() for one in handed if one.prebuilt.build_folder)
    quiet = tuple(f"{seed.component} {OWN_CONTAINERS}" for seed in seeds)
    return replace(
        plan,
        closure=tuple(item for item in plan.closure if item.part.key not in replaced),
        copies=copies,
        seeds=seeds,
        notes=tuple(note for note in plan.notes if not note.startswith(quiet)) if quiet else plan.notes,
    )


def _look(text: str, selection: Selection, catalogue: Catalogue, machine: str) -> Handed:
    name, place = _read(text, catalogue)
    prebuilt = catalogue.prebuilt[name]
    where = f"--{FLAG}={text}"
    if prebuilt.refused:
        raise BuildError([Problem(f"{where}: {prebuilt.refused}")])
    chosen = {f"backend.{choice.value.partition(':')[0]}" for choice in selection.all("backend")}
    if prebuilt.component not in chosen:
        short = prebuilt.component.partition(".")[2]
        raise BuildError(
            [Problem(f"{where}: nothing in the build takes it", suggestion=f"add --backend={short}")]
        )
    if place.suffix == WHEEL and place.is_file():
        place = unpack_wheel(place, default_store() / "unpacked" / digest(place))
    if not place.is_dir():
        raise BuildError([Problem(f"{where}: there is no such folder or wheel")])
    return _Inspection(prebuilt, place.resolve(), where, machine).run(_wanted(prebuilt, selection, catalogue))


def _read(text: str, catalogue: Catalogue) -> tuple[str, Path]:
    """Read ``NAME=PATH``, or ``NAME:VARIABLE:TYPE=PATH`` as it is handed to CMake."""
    before, equals, path = text.partition("=")
    name, _, variable = before.partition(":")
    problems = []
    if not equals or not path:
        problems.append(Problem(f"--{FLAG}={text}: expected NAME=PATH"))
    elif name not in catalogue.prebuilt:
        hint = suggest(name, catalogue.prebuilt) or f"there are {', '.join(catalogue.prebuilt) or 'none'}"
        problems.append(Problem(f"--{FLAG}={text}: nothing is known of '{name}'", suggestion=hint))
    elif variable:
        told = catalogue.prebuilt[name]
        known = (told.library_argument, told.include_argument)
        if variable.partition(":")[0] not in known:
            hint = f"it is told {' and '.join(filter(None, known))}"
            problems.append(
                Problem(f"--{FLAG}={text}: '{variable}' says nothing of '{name}'", suggestion=hint)
            )
    if problems:
        raise BuildError(problems)
    found = Path(path)
    # A path that was meant for a variable is that of the libraries; the whole lies around it.
    return name, found.parent if variable and found.name in ("lib", "lib64", "include") else found


def _wanted(prebuilt: Prebuilt, selection: Selection, catalogue: Catalogue) -> str:
    if not prebuilt.version_setting:
        return ""
    release = catalogue.releases.get(selection.text("container-version"), {})
    default = catalogue.settings[prebuilt.version_setting].default
    return selection.text(prebuilt.version_setting, release.get(prebuilt.version_setting, default))


class _Inspection:
    """A look at one folder; gathers everything that is wrong with it."""

    def __init__(self, prebuilt: Prebuilt, place: Path, where: str, machine: str) -> None:
        self.prebuilt, self.place, self.where, self.machine = prebuilt, place, where, machine
        self.problems: list[Problem] = []

    def run(self, wanted: str) -> Handed:
        files = sorted(path for path in self.place.rglob("*") if not path.is_dir())
        headers = self._headers(files)
        libraries = [
            path for path in files if any(fnmatchcase(path.name, one) for one in self.prebuilt.libraries)
        ]
        if not libraries:
            self._complain(
                f"holds no {' or '.join(self.prebuilt.libraries)}", "name the folder above include and lib"
            )
        copies = self._libraries(libraries)
        version = self._version(files, libraries, headers)
        if wanted and version and version != wanted:
            hint = f"hand over {wanted}, or add --{self.prebuilt.version_setting}={version}"
            self._complain(f"is version {version}, and {wanted} is built for", hint)
        if self.problems:
            raise BuildError(self.problems)
        folder = min((path.parent for path in libraries), key=lambda path: len(path.parts))
        return Handed(self.prebuilt, self.place, headers or self.place, folder, version, copies)

    def _complain(self, message: str, suggestion: str = "") -> None:
        self.problems.append(Problem(f"{self.where}: {message}", suggestion=suggestion))

    def _headers(self, files: Iterable[Path]) -> Path | None:
        if not self.prebuilt.header:
            return None
        for path in files:
            if path.as_posix().endswith(f"/{self.prebuilt.header}"):
                return Path(path.as_posix().removesuffix(f"/{self.prebuilt.header}"))
        hint = "hand over the package for development: many wheels, and packages that only run it, hold none"
        self._complain(f"holds no header {self.prebuilt.header}", hint)
        return None

    def _libraries(self, libraries: Iterable[Path]) -> tuple[Path, ...]:
        """Check machine and ABI, and return what goes into the result."""
        binaries = [binary for path in libraries if (binary := self._binary(path))]
        fitting = [binary for binary in binaries if binary.machine == self.machine]
        for binary in binaries:
            if binary.machine != self.machine:
                self._complain(f"{binary.path.name} is for {binary.machine}, and {self.machine} is built for")
            elif self.prebuilt.cxx_abi and cxx_abi(binary.path) not in ("", self.prebuilt.cxx_abi):
                hint = "hand over one that was built with _GLIBCXX_USE_CXX11_ABI=1"
                self._complain(f"{binary.path.name} speaks the old ABI of the C++ library", hint)
        tree = Tree(Path("/"))
        closure = close(tree, [binary.path for binary in fitting], self.machine, folders=_folders(fitting))
        for item in closure.missing:
            owner = owner_of(item.library)
            if not (owner and owner.note):
                self._complain(f"{item.needed_by} needs {item.library}, which is not here", str(owner or ""))
        for old in closure.outdated:
            self._complain(f"{old.needed_by} needs {old.version}, which {old.found} lacks")
        own = {
            path
            for name in closure.libraries
            if (path := tree.resolve(name)) and path.is_relative_to(self.place)
        }
        return tuple(sorted({*libraries, *own}))

    def _binary(self, path: Path) -> Binary | None:
        try:
            return read(path)
        except Damaged as error:
            self._complain(str(error))
            return None

    def _version(self, files: Iterable[Path], libraries: Iterable[Path], headers: Path | None) -> str:
        texts = [path for path in files if path.name in self.prebuilt.version_files]
        for path in texts:
            match = _VERSION.search(path.read_text(encoding="utf-8", errors="replace"))
            if match:
                return match[0]
        if headers and self.prebuilt.version_macros:
            return _of_macros(headers / self.prebuilt.version_header, self.prebuilt.version_macros)
        for path in libraries:
            match = _VERSION.search(path.name.partition(".so.")[2])
            if match:
                return match[0]
        return ""


def _of_macros(header: Path, macros: Iterable[str]) -> str:
    try:
        text = header.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    found: Mapping[str, str] = dict(re.findall(r"(?m)^\s*#\s*define\s+(\w+)\s+(\d+)", text))
    numbers = [found.get(macro, "") for macro in macros]
    return ".".join(numbers) if all(numbers) else ""


def _folders(binaries: Iterable[Binary]) -> list[str]:
    return sorted({str(binary.path.parent) for binary in binaries})
