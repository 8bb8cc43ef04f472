"""What CMake is told for each component."""

from collections.abc import Collection, Iterable, Mapping

from trilith.build.catalogue.schema import Argument
from trilith.build.facts import fill, holds
from trilith.build.model import Define, Part, Plan
from trilith.build.selection import Choice, Selection, split
from trilith.build.validation import declared

BUILD_FOLDER = "@BUILD_DIR@"
"""Stands for the build folder in values; scripts put their variable there."""
LIBRARY_PATHS = "_LIB_PATHS"


def defines_of(
    plan: Plan, part: Part, facts: Collection[str], values: Mapping[str, str]
) -> tuple[Define, ...]:
    """Return the ``-D`` arguments of a component, later ones winning."""
    component = part.component
    if component.build not in ("cmake", "main"):
        return ()
    values = {
        **values,
        "component-install": f"{BUILD_FOLDER}/{part.folder}/install",
        "build-type": part.build_type,
    }
    usual = [
        argument
        for argument in plan.catalogue.arguments.get(component.kind, ())
        if argument.name.startswith("CMAKE_") or argument.name in declared(plan.catalogue, part.key)
    ]
    found = {item.name: item for item in _resolve([*usual, *component.arguments], facts, values)}
    paths = [name for name in component.options if name.endswith(LIBRARY_PATHS)]
    for choice in _of(plan.selection, "library-paths", component.name):
        if paths:
            found[paths[0]] = Define(paths[0], "PATH", choice.value, choice.origin)
    return tuple(_told(plan.selection, part, found).values())


def _resolve(
    arguments: Iterable[Argument], facts: Collection[str], values: Mapping[str, str]
) -> Iterable[Define]:
    for argument in arguments:
        if not holds(argument.when, facts):
            continue
        if argument.on is None:
            yield Define(argument.name, argument.type, fill(argument.value, values))
        else:
            yield Define(argument.name, "BOOL", "ON" if holds(argument.on, facts) else "OFF")


def _told(selection: Selection, part: Part, found: dict[str, Define]) -> dict[str, Define]:
    """Apply what the command line overrides and adds."""
    if part.component.build == "main":
        overrides = selection.all("override-core-cmake-arg")
        extras = selection.all("extra-core-cmake-arg")
    else:
        name = part.component.name
        overrides = _of(selection, "override-backend-cmake-arg", name)
        extras = _of(selection, "extra-backend-cmake-arg", name)
    for choice in overrides:
        key, value = split(choice.value, "=")
        key, kind = split(key, ":")
        if key in found:
            found[key] = Define(key, kind or found[key].type, value, choice.origin)
    for choice in extras:
        key, value = split(choice.value, "=")
        key, kind = split(key, ":")
        found.pop(key, None)
        found[key] = Define(key, kind, value, choice.origin)
    return found


def _of(selection: Selection, flag: str, name: str) -> tuple[Choice, ...]:
    return tuple(
        Choice(split(choice.value, ":")[1], choice.origin)
        for choice in selection.all(flag)
        if split(choice.value, ":")[0] == name
    )
