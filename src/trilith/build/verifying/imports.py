"""Python's import closure: by reading modules and metadata, then by importing what the bricks are."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.parser import HeaderParser
from pathlib import Path

from trilith.build.result import site_packages
from trilith.build.verifying.process import interpreter_of, run_in
from trilith.build.verifying.report import Report
from trilith.build.verifying.subject import Subject

CHECK = "imports"
# Entry points of these groups are what a server starts and loads.
GROUPS = ("console_scripts", "trilith.bricks")
SECONDS = 120
_IMPORT = "import importlib,sys\nfor name in sys.argv[1:]: importlib.import_module(name)\n"


def check_imports(subject: Subject, report: Report, *, run: bool) -> None:
    """Follow imports from the entry points of everything that is installed, then import them."""
    packages = site_packages(subject.root, subject.manifest.python_version)
    if not subject.manifest.python_version or not packages.is_dir():
        report.note(CHECK, "the result holds no Python packages")
        return
    _requirements(packages, subject.manifest.python_version, report)
    starts = sorted(set(entry_modules(packages)))
    search = Modules(packages)
    for start in starts:
        search.follow(start, "an entry point")
    for name, user in sorted(search.missing.items()):
        advice = "its package is not in the result: add the brick or the requirement that brings it"
        report.error(CHECK, f"{user} imports {name}, which is nowhere", advice)
    if not search.missing:
        report.good(CHECK, f"{len(search.seen)} modules are reached from {len(starts)} entry points")
    if run and starts:
        _really(subject, starts, report)


def entry_modules(packages: Path) -> Iterator[str]:
    """Yield the modules that entry points of installed distributions name."""
    for path in sorted(packages.glob("*.dist-info/entry_points.txt")):
        group = ""
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("["):
                group = line.strip("[] \t")
            elif group in GROUPS and "=" in line:
                yield line.partition("=")[2].partition(":")[0].strip()


@dataclass
class Modules:
    """A walk over modules: what is imported as soon as a module is."""

    packages: Path
    seen: set[str] = field(default_factory=set)
    missing: dict[str, str] = field(default_factory=dict)
    """By name: the module that imports it."""

    def follow(self, name: str, user: str) -> None:
        """Follow a module and all that it imports."""
        queue = [(name, user)]
        while queue:
            name, user = queue.pop()
            if name in self.seen or name.partition(".")[0] in sys.stdlib_module_names:
                continue
            self.seen.add(name)
            place = self.find(name)
            if place is None:
                self.missing.setdefault(name, user)
            elif place.suffix == ".py":
                queue += [(other, name) for other in self._imports(name, place)]

    def find(self, name: str) -> Path | None:
        """Return the file or folder of a module."""
        place = self.packages.joinpath(*name.split("."))
        if (place / "__init__.py").is_file():
            return place / "__init__.py"
        if place.with_name(f"{place.name}.py").is_file():
            return place.with_name(f"{place.name}.py")
        compiled = sorted(place.parent.glob(f"{place.name}.*.so")) if place.parent.is_dir() else []
        return next(iter([*compiled, *([place] if place.is_dir() else [])]), None)

    def _imports(self, name: str, path: Path) -> Iterator[str]:
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):
            return  # what cannot be parsed shows when it is really imported
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        if "." in name:
            yield name.rpartition(".")[0]
        for node in tree.body:  # what stands in try, if or a function may be absent
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from self._from(node, package)

    def _from(self, node: ast.ImportFrom, package: str) -> Iterator[str]:
        base = node.module or ""
        if node.level:
            above = package.split(".")
            above = above[: len(above) - node.level + 1]
            base = ".".join([*above, *([base] if base else [])])
        yield base
        for alias in node.names:  # a name may be a module, or anything that the module defines
            whole = f"{base}.{alias.name}"
            if alias.name != "*" and self.find(whole):
                yield whole


def _requirements(packages: Path, version: str, report: Report) -> None:
    """Compare what distributions require with what is installed."""
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415
    from packaging.utils import canonicalize_name  # noqa: PLC0415

    found: dict[str, tuple[str, list[str]]] = {}
    for path in sorted(packages.glob("*.dist-info/METADATA")):
        message = HeaderParser().parsestr(path.read_text(encoding="utf-8", errors="replace"))
        found[canonicalize_name(str(message["Name"]))] = (
            str(message["Version"]),
            message.get_all("Requires-Dist") or [],
        )
    environment = {"python_version": version, "extra": ""}
    for name, (_, requires) in found.items():
        for text in requires:
            try:
                requirement = Requirement(text)
            except InvalidRequirement as error:
                report.error(CHECK, f"{name} requires '{text}', which cannot be read: {error}")
                continue
            if requirement.marker and not requirement.marker.evaluate(environment):
                continue
            installed = found.get(canonicalize_name(requirement.name))
            if installed is None:
                report.error(
                    CHECK, f"{name} requires {requirement}, which is not installed", "build it again"
                )
            elif not requirement.specifier.contains(installed[0], prereleases=True):
                report.error(
                    CHECK, f"{name} requires {requirement}, and {installed[0]} is installed", "build it again"
                )


def _really(subject: Subject, modules: list[str], report: Report) -> None:
    """Import each, with the result's own Python."""
    interpreter = interpreter_of(subject)
    if interpreter is None:
        report.error(
            CHECK, f"there is no Python {subject.manifest.python_version} to run it with", "install it"
        )
        return
    packages = subject.inside(site_packages(subject.root, subject.manifest.python_version))
    whole = run_in(subject, [interpreter, "-c", _IMPORT, *modules], {"PYTHONPATH": packages}, SECONDS)
    if whole.returncode == 0:
        report.good(CHECK, f"{len(modules)} entry points were imported")
        return
    for module in modules:  # one by one, to name who fails
        one = run_in(subject, [interpreter, "-c", _IMPORT, module], {"PYTHONPATH": packages}, SECONDS)
        if one.returncode:
            last = one.stderr.strip().splitlines()[-1:] or [f"exit status {one.returncode}"]
            report.error(CHECK, f"{module} cannot be imported: {last[0]}")
