"""What a selection must not say; everything is found before a byte is written."""

import re
from collections.abc import Collection, Iterator
from fnmatch import fnmatch

from trilith.build.catalogue.schema import Catalogue
from trilith.build.problems import Problem
from trilith.build.selection import FEATURES, NAMED_KINDS, Selection, split
from trilith.build.spelling import suggest

# What may stand in each place; nothing else reaches a file, whatever quoting would make of it.
REF = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+-]{0,200}")
VERSION = re.compile(r"\d+\.\d+(\.\d+)?([A-Za-z][A-Za-z0-9.]*|-[A-Za-z0-9.]+)?")
CONTAINER_VERSION = re.compile(r"\d\d\.\d\d(dev|-[A-Za-z0-9.]+)?")
IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,300}")
MEMORY = re.compile(r"\d+[bkmgBKMG]?")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
RELEASE_REF = re.compile(r"r(\d\d\.\d\d)")
ADDRESS = re.compile(r"[A-Za-z0-9/.~][^\s'\"\\;|&<>$`]*")
NOT_ON_THIS_BUILDER = {
    "wheel": (
        "extra-core-cmake-arg",
        "override-core-cmake-arg",
        "extra-backend-cmake-arg",
        "override-backend-cmake-arg",
        "component",
        "library-paths",
        "repo-tag",
        "github-organization",
        "container-version",
        "no-core-build",
    )
}


def validate(selection: Selection, catalogue: Catalogue) -> Iterator[Problem]:
    """Yield every mistake of a selection that can be seen without deciding anything."""
    meaningless = [
        name for name in NOT_ON_THIS_BUILDER.get(catalogue.head.builder, ()) if selection.all(name)
    ]
    for name in meaningless:
        yield Problem(
            f"--{name} has no meaning for the catalogue {catalogue.head.name}", suggestion="leave it out"
        )
    rest = Selection({name: told for name, told in selection.choices.items() if name not in meaningless})
    yield from _names(rest, catalogue)
    yield from _left_out(rest, catalogue)
    yield from _texts(rest)
    yield from _target(rest, catalogue)
    yield from _sources(rest, catalogue)


def _names(selection: Selection, catalogue: Catalogue) -> Iterator[Problem]:
    for flag in (*NAMED_KINDS, FEATURES):
        known = catalogue.of_kind("feature" if flag == FEATURES else flag)
        for choice in selection.all(flag):
            name, ref = split(choice.value, ":")
            where = f"--{flag}={choice.value} ({choice.origin})"
            if name not in known:
                listed = ", ".join(known) or "none"
                hint = suggest(name, known) or f"there are {listed}"
                yield Problem(f"{where}: there is no {_noun(flag)} '{name}'", suggestion=hint)
            elif ref and not REF.fullmatch(ref):
                yield Problem(f"{where}: '{ref}' cannot be the name of a tag or a branch")
            elif ":" in choice.value and not known[name].repository:
                yield Problem(
                    f"{where}: it has no repository of its own", suggestion=f"write --{flag}={name}"
                )
    if not selection.all("endpoint") and not selection.has("no-core-build"):
        known_endpoints = ", ".join(catalogue.of_kind("endpoint"))
        yield Problem(
            "no endpoint is chosen: nobody could reach the server",
            suggestion=f"add --endpoint=; there are {known_endpoints}",
        )


def _left_out(selection: Selection, catalogue: Catalogue) -> Iterator[Problem]:
    """Yield what ``--without`` cannot leave out."""
    kinds = {"feature" if kind == FEATURES else kind for kind in (*NAMED_KINDS, FEATURES)}
    known = {part.name for part in catalogue.components.values() if part.kind in kinds}
    for choice in selection.all("without"):
        where = f"--without={choice.value} ({choice.origin})"
        kind, _, name = choice.value.rpartition(".")
        if name == catalogue.head.main.partition(".")[2]:
            alone = "no-core-build" in NOT_ON_THIS_BUILDER.get(catalogue.head.builder, ())
            hint = "name what else to leave out" if alone else "write --no-core-build"
            yield Problem(f"{where}: that is the server itself", suggestion=hint)
        elif name not in known or (kind and kind not in (*kinds, FEATURES)):
            hint = suggest(name, known) or "trilith build components lists what there is"
            yield Problem(f"{where}: there is nothing of that name to leave out", suggestion=hint)


def _noun(flag: str) -> str:
    return {FEATURES: "feature", "repoagent": "repository agent", "filesystem": "file system"}.get(flag, flag)


def _texts(selection: Selection) -> Iterator[Problem]:
    for name, choices in selection.choices.items():
        for choice in choices:
            if not choice.value.isprintable():
                yield Problem(f"--{name}: its value holds characters that cannot be printed")
            if not choice.value and name not in NAMED_KINDS:
                yield Problem(
                    f"--{name} ({choice.origin}) needs a value", suggestion="name one, or leave it out"
                )
    for name, pattern, expected in (
        ("version", VERSION, "a version such as 2.72.0"),
        ("release-version", VERSION, "a version such as 2.72.0"),
        ("container-version", CONTAINER_VERSION, "YY.MM or YY.MMdev"),
        ("container-memory", MEMORY, "a size such as 8g"),
        ("github-organization", ADDRESS, "an address"),
    ):
        text = selection.text(name)
        if text and not pattern.fullmatch(text):
            yield Problem(f"--{name}={text}: expected {expected}")
    parallel = selection.text("build-parallel")
    if parallel and not (parallel.isdecimal() and int(parallel) > 0):
        yield Problem(f"--build-parallel={parallel}: expected a whole number above 0")
    if selection.has("verbose") and selection.has("quiet"):
        yield Problem("--verbose and --quiet exclude each other", suggestion="leave one out")


def _target(selection: Selection, catalogue: Catalogue) -> Iterator[Problem]:
    head = catalogue.head
    for name, known in (
        ("build-type", head.build_types),
        ("target-platform", head.platforms),
        ("target-machine", head.machines),
    ):
        text = selection.text(name)
        if text and text not in known:
            hint = suggest(text, known) or f"there are {', '.join(known)}"
            yield Problem(f"--{name}={text}: there is no such {name.rpartition('-')[2]}", suggestion=hint)
    images = {image.name for image in catalogue.images}
    for choice in selection.all("image"):
        name, reference = split(choice.value, ",")
        if name not in images:
            hint = suggest(name, images) or f"there are {', '.join(sorted(images))}"
            yield Problem(f"--image={choice.value}: no image is called '{name}'", suggestion=hint)
        elif not IMAGE.fullmatch(reference):
            yield Problem(f"--image={choice.value}: expected NAME,IMAGE")


def _sources(selection: Selection, catalogue: Catalogue) -> Iterator[Problem]:
    for choice in selection.all("repo-tag"):
        name, ref = split(choice.value, ":")
        if name not in catalogue.head.repo_tags:
            hint = (
                suggest(name, catalogue.head.repo_tags) or f"there are {', '.join(catalogue.head.repo_tags)}"
            )
            yield Problem(f"--repo-tag={choice.value}: there is no repository '{name}'", suggestion=hint)
        elif not REF.fullmatch(ref):
            yield Problem(f"--repo-tag={choice.value}: expected NAME:TAG")
    for flag in ("extra-core-cmake-arg", "override-core-cmake-arg"):
        for choice in selection.all(flag):
            yield from _define(flag, choice.value, catalogue.head.main, catalogue)
    backends = {split(choice.value, ":")[0] for choice in selection.all("backend")}
    known = [name for name in catalogue.of_kind("backend") if name in backends]
    for flag in ("extra-backend-cmake-arg", "override-backend-cmake-arg", "library-paths"):
        for choice in selection.all(flag):
            backend = split(choice.value, ":")[0]
            if backend not in backends:
                hint = suggest(backend, known) or f"add --backend={backend}"
                yield Problem(
                    f"--{flag}={choice.value}: backend '{backend}' is not in the build", suggestion=hint
                )
            elif flag != "library-paths" and f"backend.{backend}" in catalogue.components:
                yield from _define(flag, choice.value, f"backend.{backend}", catalogue)


def _define(flag: str, text: str, key: str, catalogue: Catalogue) -> Iterator[Problem]:
    prefix = f"{catalogue.components[key].name}:" if key.startswith("backend.") else ""
    name, equals, _ = text.removeprefix(prefix).partition("=")
    name = name.partition(":")[0]
    if not equals or not VARIABLE.fullmatch(name):
        yield Problem(f"--{flag}={text}: expected {'BACKEND:' if prefix else ''}NAME=VALUE")
        return
    known = declared(catalogue, key)
    if name not in known and not any(fnmatch(name, pattern) for pattern in catalogue.head.cmake_variables):
        yield Problem(f"--{flag}={text}: {key} declares no option '{name}'", suggestion=suggest(name, known))


def declared(catalogue: Catalogue, key: str) -> Collection[str]:
    """Return the options that a component or the components whose CMake it includes declare."""
    component = catalogue.components[key]
    included = [key, *(other for other in component.requires if other.startswith("core."))]
    return {name for other in included for name in catalogue.components[other].options}
