"""Why JSON that a client sent is no model configuration: fields and values that there are not."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from trilith.config.findings import Findings
from trilith.config.schema import ROOT, FieldType, Schema
from trilith.config.spelling import listing, suggest, suggest_value


def find_mistakes(schema: Schema, text: str, findings: Findings) -> None:
    """Note the fields that do not exist, and the words that are no value of an enum."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return
    _look_into(schema, ROOT, document, "", findings)


def _look_into(schema: Schema, message_type: str, document: Any, path: str, findings: Findings) -> None:
    if not isinstance(document, Mapping):
        return
    fields = schema.fields(message_type)
    # Protobuf's JSON mapping has a second spelling for each field.
    known = {**{_camel(name): field for name, field in fields.items()}, **fields}
    for name, value in document.items():
        below = f"{path}.{name}" if path else name
        field = known.get(name)
        if field is None:
            owner = message_type.rpartition(".")[2]
            advice = suggest(name, fields) or f"its fields are {listing(fields)}"
            findings.add(below, f"{owner} has no field '{name}'", advice)
            continue
        for place, one in _values(field, value, below):
            if field.kind == "message":
                _look_into(schema, _type_inside(schema, field), one, place, findings)
            elif field.kind == "enum" and isinstance(one, str) and one not in schema.values(field.type_name):
                advice = suggest_value(one, schema.values(field.type_name))
                findings.add(place, f"{one} is not one of its values", advice)


def _values(field: FieldType, value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if field.is_map and isinstance(value, Mapping):
        yield from ((f'{path}["{key}"]', one) for key, one in value.items())
    elif field.repeated and isinstance(value, list):
        yield from ((f"{path}[{index}]", one) for index, one in enumerate(value))
    else:
        yield path, value


def _type_inside(schema: Schema, field: FieldType) -> str:
    return schema.fields(field.type_name)["value"].type_name if field.is_map else field.type_name


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
