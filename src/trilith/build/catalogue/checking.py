"""What a catalogue must not say: names that nothing stands behind, and circles."""

from collections.abc import Iterable, Iterator, Mapping

from trilith.build.catalogue.schema import Catalogue, Component
from trilith.build.problems import Problem
from trilith.build.selection import FEATURES, NAMED_KINDS
from trilith.build.spelling import suggest

BUILDS = ("cmake", "main", "option", "copy", "wheel")
ORIGINS = ("source", "build", "install")
# Kinds of third-party parts that are told apart when they are fetched and shown.
MEANS = ("git", "archive", "submodule", "folder", "system", "wheel", "script", "engine", "unused")


PROTOCOLS = ("kserve-http", "kserve-grpc", "prometheus")
"""What doors may speak; `trilith.build.verifying` asks each in its own way."""


def check(catalogue: Catalogue) -> list[Problem]:
    """Return everything that a catalogue says of itself and cannot be."""
    found = [
        *_references(catalogue),
        *_third_party(catalogue),
        *_values(catalogue),
        *_presets(catalogue),
        *_prebuilt(catalogue),
    ]
    return [
        Problem(message, catalogue.file, field=place, suggestion=hint) for place, message, hint in found
    ] + [
        Problem(
            f"requires itself: {' -> '.join(circle)}",
            catalogue.file,
            field=circle[0],
            suggestion="take one of them out of 'requires'",
        )
        for circle in circles({key: part.requires for key, part in catalogue.components.items()})
    ]


def circles(edges: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Return circles in a graph, each once, as the path that comes back to its first node."""
    found: list[list[str]] = []
    done: set[str] = set()

    def visit(node: str, path: list[str]) -> None:
        if node in path:
            found.append([*path[path.index(node) :], node])
            return
        if node in done:
            return
        for following in edges.get(node, ()):
            visit(following, [*path, node])
        done.add(node)

    for start in edges:
        visit(start, [])
    return found


def _references(catalogue: Catalogue) -> Iterator[tuple[str, str, str]]:
    components, third_party = catalogue.components, catalogue.third_party
    for key, part in components.items():
        yield from _unknown(f"{key}.requires", part.requires, components)
        yield from _unknown(f"{key}.third_party", part.third_party, third_party)
        yield from _unknown(f"{key}.conflicts", part.conflicts, components)
        yield from _unknown(f"{key}.implies", part.implies, catalogue.of_kind("feature"))
    yield from _unknown("catalogue.main", [catalogue.head.main], components)
    yield from _unknown("catalogue.repo_tags", catalogue.head.repo_tags.values(), components)
    yield from _unknown("arguments", catalogue.arguments, catalogue.kinds())
    yield from _unknown("doors", [door.endpoint for door in catalogue.doors], components)
    yield from _unknown("doors", [door.protocol for door in catalogue.doors], PROTOCOLS)


def _third_party(catalogue: Catalogue) -> Iterator[tuple[str, str, str]]:
    for key, part in catalogue.third_party.items():
        if part.by not in MEANS:
            yield f"{key}.by", f"'{part.by}' is none of {', '.join(MEANS)}", suggest(part.by, MEANS)
        if part.inside:
            yield from _unknown(f"{key}.inside", [part.inside], catalogue.third_party)
        if part.declared_in:
            yield from _unknown(f"{key}.declared_in", [part.declared_in], catalogue.components)
        if part.by == "archive" and part.pinned and not part.sha256:
            yield f"{key}.sha256", "is missing: an archive is known by its hash", ""


def _values(catalogue: Catalogue) -> Iterator[tuple[str, str, str]]:
    for key, part in catalogue.components.items():
        if part.build not in BUILDS:
            yield (
                f"{key}.build",
                f"'{part.build}' is none of {', '.join(BUILDS)}",
                suggest(part.build, BUILDS),
            )
        yield from _limits(catalogue, part)
        for copy in (*part.install, *part.ci):
            if copy.origin not in ORIGINS:
                yield f"{key}.install", f"origin '{copy.origin}' is none of {', '.join(ORIGINS)}", ""
            if ".." in (*copy.path.split("/"), *copy.to.split("/")) or copy.path.startswith("/"):
                yield f"{key}.install", f"'{copy.path}' leads out of its folder", ""


def _limits(catalogue: Catalogue, part: Component) -> Iterator[tuple[str, str, str]]:
    yield from _unknown(f"{part.key}.platforms", part.platforms, catalogue.head.platforms)
    yield from _unknown(f"{part.key}.machines", part.machines, catalogue.head.machines)


def _presets(catalogue: Catalogue) -> Iterator[tuple[str, str, str]]:
    kinds = {**{kind: kind for kind in NAMED_KINDS}, FEATURES: "feature"}
    for name, preset in catalogue.presets.items():
        for key, value in preset.items():
            if key in kinds and isinstance(value, list):
                yield from _unknown(f"presets.{name}.{key}", value, catalogue.of_kind(kinds[key]))


def _prebuilt(catalogue: Catalogue) -> Iterator[tuple[str, str, str]]:
    for name, told in catalogue.prebuilt.items():
        place = f"prebuilt.{name}"
        yield from _unknown(place, [told.component], catalogue.components)
        yield from _unknown(place, told.replaces, catalogue.third_party)
        yield from _unknown(place, filter(None, [told.version_setting]), catalogue.settings)
        component = catalogue.components.get(told.component)
        arguments = filter(None, [told.include_argument, told.library_argument])
        yield from _unknown(place, arguments, component.options if component else ())
        if ".." in told.to.split("/") or told.to.startswith("/"):
            yield place, f"'{told.to}' leads out of the result", ""


def _unknown(place: str, names: Iterable[str], known: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    all_known = set(known)
    for name in names:
        if name not in all_known:
            yield place, f"there is no '{name}'", suggest(name, all_known)
