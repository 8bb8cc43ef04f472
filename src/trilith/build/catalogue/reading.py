"""From a TOML document to a catalogue; every mistake in it is reported, not only the first."""

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from trilith.build.catalogue.checking import check
from trilith.build.catalogue.schema import (
    Argument,
    Catalogue,
    Component,
    Door,
    Head,
    Image,
    Packages,
    Prebuilt,
    Rule,
    Serving,
    Setting,
    ThirdParty,
)
from trilith.build.problems import BuildError, Problem, why
from trilith.build.spelling import suggest

SECTIONS = (
    "arguments",
    "catalogue",
    "doors",
    "images",
    "packages",
    "prebuilt",
    "presets",
    "releases",
    "rules",
    "serving",
    "settings",
)
THIRD_PARTY = "third_party"

_TYPES: dict[type, dict[str, Any]] = {}


@dataclass
class Reader:
    """Reads tables of one file and gathers what is wrong with them."""

    file: str
    problems: list[Problem]

    def complain(self, place: str, message: str, suggestion: str = "") -> None:
        """Note a problem."""
        self.problems.append(Problem(message, self.file, field=place, suggestion=suggestion))

    def record(self, kind: type, table: object, place: str, **given: object) -> Any:
        """Read a table as a dataclass; ``None`` if it cannot be one."""
        if not isinstance(table, Mapping):
            self.complain(place, f"expected a table, found {_describe(table)}")
            return None
        before = len(self.problems)
        hints = _types_of(kind)
        values: dict[str, Any] = dict(given)
        for key, value in table.items():
            if key not in hints or key in given:
                near = suggest(key, [name for name in hints if name not in given])
                self.complain(f"{place}.{key}", "unknown key", near)
                continue
            values[key] = self.value(hints[key], value, f"{place}.{key}")
        for item in fields(kind):
            if item.name not in values and item.default is MISSING and item.default_factory is MISSING:
                self.complain(f"{place}.{item.name}", "is missing")
        return kind(**values) if len(self.problems) == before else None

    def value(self, hint: Any, value: object, place: str) -> Any:
        """Read a value as the type of a field."""
        origin = get_origin(hint)
        if origin in (Union, UnionType):
            inner = [part for part in get_args(hint) if part is not NoneType]
            return self.value(inner[0], value, place)
        if origin is tuple:
            return self._list(get_args(hint)[0], value, place)
        if origin is not None:
            return self._table(get_args(hint)[1], value, place)
        if hint is float and isinstance(value, int):
            return float(value)
        if hint in (str, bool, float, int):
            if not isinstance(value, hint) or (hint is not bool and isinstance(value, bool)):
                self.complain(place, f"expected {_NAMES[hint]}, found {_describe(value)}")
            return value
        return self.record(hint, value, place)

    def _list(self, hint: Any, value: object, place: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            self.complain(place, f"expected a list, found {_describe(value)}")
            return ()
        return tuple(self.value(hint, item, f"{place}[{index}]") for index, item in enumerate(value))

    def _table(self, hint: Any, value: object, place: str) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            self.complain(place, f"expected a table, found {_describe(value)}")
            return {}
        return {key: self.value(hint, item, f"{place}.{key}") for key, item in value.items()}


_NAMES = {str: "a text", bool: "true or false", float: "a number", int: "a whole number"}


def read(path: Path) -> Catalogue:
    """Read a catalogue.

    Raises:
        BuildError: it cannot be read, or contradicts itself; all problems are named.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BuildError([Problem(f"cannot be read: {why(error)}", str(path))]) from error
    return parse(document, str(path))


def parse(
    document: Mapping[str, Any], file: str = "", more: Mapping[str, Component] | None = None
) -> Catalogue:
    """Make a catalogue from a TOML document and, besides, components that come from elsewhere.

    Raises:
        BuildError: all mistakes.
    """
    reader = Reader(file, [])
    head = reader.record(Head, document.get("catalogue", {}), "catalogue")
    components: dict[str, Component] = dict(more or {})
    third_party: dict[str, ThirdParty] = {}
    for kind, tables in document.items():
        if kind in SECTIONS:
            continue
        if not isinstance(tables, Mapping):
            reader.complain(kind, "expected tables KIND.NAME", suggest(kind, SECTIONS))
            continue
        for name, table in tables.items():
            key = f"{kind}.{name}"
            target, what = (third_party, ThirdParty) if kind == THIRD_PARTY else (components, Component)
            target[key] = reader.record(what, table, key, key=key)
    sections = _read_sections(reader, document)
    if reader.problems:
        raise BuildError(reader.problems)
    catalogue = Catalogue(head, components, third_party, file=file, **sections)
    if problems := check(catalogue):
        raise BuildError(problems)
    return catalogue


def _read_sections(reader: Reader, document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "settings": reader.value(Mapping[str, Setting], document.get("settings", {}), "settings"),
        "doors": reader.value(tuple[Door, ...], document.get("doors", []), "doors"),
        "prebuilt": reader.value(Mapping[str, Prebuilt], document.get("prebuilt", {}), "prebuilt"),
        "serving": reader.record(Serving, document.get("serving", {}), "serving"),
        "images": reader.value(tuple[Image, ...], document.get("images", []), "images"),
        "rules": reader.value(tuple[Rule, ...], document.get("rules", []), "rules"),
        "packages": reader.record(Packages, document.get("packages", {}), "packages"),
        "arguments": reader.value(
            Mapping[str, tuple[Argument, ...]], document.get("arguments", {}), "arguments"
        ),
        "presets": {str(name): dict(table) for name, table in document.get("presets", {}).items()},
        "releases": reader.value(Mapping[str, Mapping[str, str]], document.get("releases", {}), "releases"),
    }


def _types_of(kind: type) -> dict[str, Any]:
    if kind not in _TYPES:
        hints = get_type_hints(kind)
        _TYPES[kind] = {item.name: hints[item.name] for item in fields(kind)}
    return _TYPES[kind]


def _describe(value: object) -> str:
    return "a table" if isinstance(value, Mapping) else repr(value)
