"""Which field of the configuration stands on which line."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from trilith.config.schema import ROOT, FieldType, Schema
from trilith.config.syntax import Entry, Value


@dataclass(frozen=True, slots=True)
class Place:
    """One value of a field in the text, or a field that has none."""

    parent: str
    """Path of the block that it stands in; empty at the top."""
    message: str
    """The message that the block is."""
    path: str
    """``input[0].dims``; in a map, ``parameters["key"]``."""
    entry: Entry
    value: Value | None
    field: FieldType | None
    """``None`` where the message has no such field."""

    @property
    def line(self) -> int:
        """Line of the value, or of the field where it has none."""
        return self.value.line if self.value else self.entry.line


def walk(schema: Schema, entries: Sequence[Entry]) -> Iterator[Place]:
    """Go through all values in the order of the text; fields that are not known are not entered."""
    return _walk(schema, entries, ROOT, "", is_map_entry=False)


def lines(schema: Schema, entries: Sequence[Entry]) -> dict[str, int]:
    """Return the line of each field by its path; of a list or a map also by the path of the whole."""
    found: dict[str, int] = {}
    for place in walk(schema, entries):
        found.setdefault(place.path, place.line)
        whole = f"{place.parent}.{place.entry.name}" if place.parent else place.entry.name
        found.setdefault(whole, place.entry.line)
    return found


def _walk(
    schema: Schema, entries: Sequence[Entry], message: str, parent: str, *, is_map_entry: bool
) -> Iterator[Place]:
    counts: dict[str, int] = {}
    for entry in entries:
        field = schema.fields(message).get(entry.name)
        values: Sequence[Value | None] = entry.values or [None]
        for value in values:
            is_content = is_map_entry and entry.name == "value"
            path = parent if is_content else _path(parent, entry, value, field, counts)
            yield Place(parent, message, path, entry, value, field)
            if field and field.kind == "message" and value and value.kind == "block":
                yield from _walk(schema, value.entries, field.type_name, path, is_map_entry=field.is_map)


def _path(
    parent: str, entry: Entry, value: Value | None, field: FieldType | None, counts: dict[str, int]
) -> str:
    path = f"{parent}.{entry.name}" if parent else entry.name
    if field and field.is_map:
        return f"{path}[{_key(value)}]"
    if field and field.repeated:
        index = counts.get(entry.name, 0)
        counts[entry.name] = index + 1
        return f"{path}[{index}]"
    return path


def _key(value: Value | None) -> str:
    """Return the key of a map's entry as it was written."""
    for entry in value.entries if value else ():
        if entry.name == "key" and entry.values:
            return entry.values[0].text.replace("'", '"')
    return ""
