"""Why a text is no model configuration: every mistake in it, each with its line and what to write instead."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from trilith.config.locations import Place, walk
from trilith.config.schema import INTEGERS, FieldType, Schema
from trilith.config.spelling import listing, suggest, suggest_value
from trilith.config.syntax import Entry, Value, scan
from trilith.contract import Problem

_INTEGER: Final = re.compile(r"-?(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)\Z")
# No integer of 64 bits is longer in any notation, and Python refuses to convert thousands of digits.
_LONGEST: Final = 64
_BOOLEANS: Final = ("true", "false", "True", "False", "t", "f", "0", "1")
_FLOAT_WORDS: Final = ("inf", "-inf", "infinity", "-infinity", "nan", "-nan")


def diagnose(schema: Schema, text: str) -> list[Problem]:
    """Return the mistakes in the text of ``config.pbtxt``, in its order, without the file."""
    entries, problems = scan(text)
    problems += [problem for _, problem in mistakes(schema, entries)]
    return sorted(problems, key=lambda problem: problem.line)


def mistakes(schema: Schema, entries: Sequence[Entry]) -> Iterator[tuple[Place, Problem]]:
    """Go through the values that are no values of their fields, and the fields that there are none of."""
    seen: dict[tuple[str, str], Place] = {}
    for place in walk(schema, entries):
        problem = _unknown(schema, place) or _shape(place) or _duplicate(place, seen) or _value(schema, place)
        if problem:
            yield place, problem


def _problem(place: Place, message: str, suggestion: str = "") -> Problem:
    return Problem(message, line=place.line, field=place.path, suggestion=suggestion)


def _unknown(schema: Schema, place: Place) -> Problem | None:
    if place.field:
        return None
    name, fields = place.entry.name, schema.fields(place.message)
    owner = place.message.rpartition(".")[2]
    advice = suggest(name, fields)
    if not advice and (owners := schema.owners(name)):
        advice = f"it is a field of {listing(owners)}"
    line = place.entry.line
    return Problem(
        f"{owner} has no field '{name}'",
        line=line,
        field=place.path,
        suggestion=advice or f"its fields are {listing(fields)}",
    )


def _shape(place: Place) -> Problem | None:
    """Compare how a value is written with what the field takes: list or one, block or not."""
    field, entry, value = place.field, place.entry, place.value
    if not field or not value:
        return None
    if entry.is_list and not (field.repeated or field.is_map):
        return _problem(place, "takes one value, found a list", "remove the brackets")
    if (field.kind == "message") != (value.kind == "block"):
        return _block(place, field, value)
    if field.kind != "message" and not entry.has_colon and value is entry.values[0]:
        message = f"a colon is missing after '{field.name}'"
        return _problem(place, message, f"write {field.name}: {_shown(entry)}")
    return None


def _block(place: Place, field: FieldType, value: Value) -> Problem:
    if value.kind == "block":
        return _problem(place, "takes a value, found a block", f"write {field.name}: VALUE")
    return _problem(place, f"takes a block, found {value.text}", f"write {field.name} {{ ... }}")


def _shown(entry: Entry) -> str:
    texts = [value.text for value in entry.values]
    return f"[{', '.join(texts)}]" if entry.is_list else texts[0]


def _duplicate(place: Place, seen: dict[tuple[str, str], Place]) -> Problem | None:
    """Find fields that may be written once and were before, or beside which another excludes them."""
    field = place.field
    if not field or field.repeated or field.is_map:
        return None
    former = seen.setdefault((place.parent, field.oneof or field.name), place)
    if former is place or former.field is None:
        return None
    if former.field.name == field.name:
        return _problem(place, f"is written twice, first on line {former.line}", "remove one")
    message = f"excludes '{former.field.name}' on line {former.line}"
    return _problem(place, message, f"keep one of the two; {field.oneof} is one or the other")


def _value(schema: Schema, place: Place) -> Problem | None:
    field, value = place.field, place.value
    if not field or not value or value.kind == "block":
        return None
    if field.kind == "enum":
        return _enum(schema, place, field.type_name, value)
    if field.kind in INTEGERS:
        return _integer(place, field.kind, value)
    return _plain(place, field, value)


def _plain(place: Place, field: FieldType, value: Value) -> Problem | None:
    if field.kind == "bool":
        is_right = value.kind != "string" and value.text in _BOOLEANS
        return None if is_right else _problem(place, f"takes true or false, found {value.text}")
    if field.kind == "string":
        is_right = value.kind == "string"
        return (
            None
            if is_right
            else _problem(place, f"takes a string, found {value.text}", f'write "{value.text}"')
        )
    return None if _is_float(value) else _problem(place, f"takes a number, found {value.text}")


def _enum(schema: Schema, place: Place, enum: str, value: Value) -> Problem | None:
    names = schema.values(enum)
    if value.text in names or (value.kind == "number" and _INTEGER.match(value.text)):
        return None
    text = value.text.strip("\"'")
    if text in names:
        return _problem(place, f"takes a name without quotes, found {value.text}", f"write {text}")
    return _problem(place, f"{text} is not one of its values", suggest_value(text, names))


def _integer(place: Place, kind: str, value: Value) -> Problem | None:
    low, high = INTEGERS[kind]
    if value.kind != "number" or not _INTEGER.match(value.text):
        bare = value.text.strip("\"'")
        advice = f"write {bare}" if value.kind == "string" and _INTEGER.match(bare) else ""
        return _problem(place, f"takes an integer, found {value.text}", advice)
    too_long = len(value.text) > _LONGEST
    if too_long or not low <= _number(value.text) <= high:
        shown = f"{value.text[:24]}..." if too_long else value.text
        return _problem(place, f"takes an integer from {low} to {high}, found {shown}")
    return None


def _number(text: str) -> int:
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    if digits[:2] in ("0x", "0X"):
        return sign * int(digits, 16)
    return sign * int(digits, 8 if digits.startswith("0") else 10)


def _is_float(value: Value) -> bool:
    if value.kind == "word":
        return value.text.lower() in _FLOAT_WORDS
    try:
        float(value.text.rstrip("fF"))
    except ValueError:
        return False
    return value.kind == "number"
