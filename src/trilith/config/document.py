"""Between a protobuf message and its JSON mapping.

The mapping is protobuf's, with the field names of ``config.pbtxt`` and 64-bit integers as numbers: the form
in which the protocol's model configuration extension shows it.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from trilith.config.findings import Findings
from trilith.config.schema import INTEGERS, ROOT, FieldType, Schema
from trilith.config.spelling import listing, suggest, suggest_value
from trilith.contract import ConfigurationError, Problem

if TYPE_CHECKING:
    from google.protobuf.message import Message

_DEFAULTS: Final[Mapping[str, Any]] = {"string": "", "bytes": b"", "bool": False, "float": 0.0, "double": 0.0}


def from_message(
    schema: Schema, message: "Message", message_type: str, *, complete: bool = False
) -> dict[str, Any]:
    """Return the mapping of a message.

    Args:
        schema: the tables that it was made from.
        message: what to map.
        message_type: its full name.
        complete: whether fields that have their default value are shown. Messages and members of a oneof are
            shown only where they are set.
    """
    document: dict[str, Any] = {}
    written = {descriptor.name: value for descriptor, value in message.ListFields()}
    for field in schema.fields(message_type).values():
        if field.name in written:
            document[field.name] = _shown(schema, field, written[field.name], complete=complete)
        elif complete and field.is_map:
            document[field.name] = {}
        elif complete and field.repeated:
            document[field.name] = []
        elif complete and field.kind != "message" and not field.oneof:
            document[field.name] = _default(schema, field)
    return document


def to_message(schema: Schema, document: Mapping[str, Any], findings: Findings) -> "Message":
    """Make a message of a mapping.

    Raises:
        ConfigurationError: it is none; what is wrong went to ``findings``.
    """
    values = _Builder(schema, findings).message(ROOT, document, "")
    findings.raise_if_any()
    try:
        return schema.message_class(**values)
    except (TypeError, ValueError) as error:
        problem = Problem(f"the library takes it for no model configuration: {error}")
        raise ConfigurationError([problem]) from error


def _default(schema: Schema, field: FieldType) -> Any:
    if field.kind == "enum":
        return next(iter(schema.values(field.type_name)))
    return _DEFAULTS.get(field.kind, 0)


def _shown(schema: Schema, field: FieldType, value: Any, *, complete: bool) -> Any:
    if field.is_map:
        below = schema.fields(field.type_name)["value"]
        return {str(key): _single(schema, below, value[key], complete=complete) for key in sorted(value)}
    if field.repeated:
        return [_single(schema, field, element, complete=complete) for element in value]
    return _single(schema, field, value, complete=complete)


def _single(schema: Schema, field: FieldType, value: Any, *, complete: bool) -> Any:
    if field.kind == "message":
        return from_message(schema, value, field.type_name, complete=complete)
    if field.kind == "enum":
        names = {number: name for name, number in schema.values(field.type_name).items()}
        return names.get(value, value)
    if field.kind in ("float", "double"):
        return _float(field, value)
    return value


def _float(field: FieldType, value: float) -> float | str:
    """Return a number as short as it can be told apart; JSON has words for those that are none."""
    if value != value:  # noqa: PLR0124 - only NaN differs from itself
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    return float(str(np.float32(value))) if field.kind == "float" else value


class _Builder:
    """Checks a mapping against the schema and turns it into what the message class is made from."""

    def __init__(self, schema: Schema, findings: Findings) -> None:
        self._schema = schema
        self._findings = findings

    def message(self, message_type: str, document: Any, path: str) -> dict[str, Any]:
        if not isinstance(document, Mapping):
            self._findings.add(path, f"takes a block of fields, found {document!r}")
            return {}
        fields = self._schema.fields(message_type)
        values: dict[str, Any] = {}
        for name, value in document.items():
            below = f"{path}.{name}" if path else str(name)
            if name in fields:
                values[name] = self._field(fields[name], value, below)
            else:
                owner = message_type.rpartition(".")[2]
                advice = suggest(str(name), fields) or f"its fields are {listing(fields)}"
                self._findings.add(below, f"{owner} has no field '{name}'", advice)
        self._check_choices([fields[name] for name in values], path)
        return values

    def _check_choices(self, written: Sequence[FieldType], path: str) -> None:
        chosen: dict[str, str] = {}
        for field in written:
            former = chosen.setdefault(field.oneof or field.name, field.name)
            if former != field.name:
                below = f"{path}.{field.name}" if path else field.name
                self._findings.add(below, f"excludes '{former}'", "keep one of the two")

    def _field(self, field: FieldType, value: Any, path: str) -> Any:
        if field.is_map:
            return self._map(field, value, path)
        if not field.repeated:
            return self._single(field, value, path)
        if not isinstance(value, list | tuple):
            self._findings.add(path, f"takes a list, found {value!r}")
            return []
        return [self._single(field, element, f"{path}[{index}]") for index, element in enumerate(value)]

    def _map(self, field: FieldType, value: Any, path: str) -> dict[Any, Any]:
        if not isinstance(value, Mapping):
            self._findings.add(path, f"takes a mapping, found {value!r}")
            return {}
        fields = self._schema.fields(field.type_name)
        built: dict[Any, Any] = {}
        for key, element in value.items():
            is_text = fields["key"].kind == "string"
            below = f'{path}["{key}"]' if is_text else f"{path}[{key}]"
            # JSON has no other keys than strings.
            plain = int(key) if not is_text and str(key).isdecimal() else key
            checked = self._single(fields["key"], plain, below)
            built[checked] = self._single(fields["value"], element, below)
        return built

    def _single(self, field: FieldType, value: Any, path: str) -> Any:
        if field.kind == "message":
            return self.message(field.type_name, value, path)
        if field.kind == "enum":
            return self._enum(field, value, path)
        if field.kind in INTEGERS:
            low, high = INTEGERS[field.kind]
            is_right = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
            return self._checked(value, path, f"an integer from {low} to {high}", is_right=is_right)
        if field.kind in ("float", "double"):
            return self._number(value, path)
        expected: type = bool if field.kind == "bool" else str
        wanted = "true or false" if field.kind == "bool" else "a string"
        return self._checked(value, path, wanted, is_right=isinstance(value, expected))

    def _enum(self, field: FieldType, value: Any, path: str) -> Any:
        numbers = self._schema.values(field.type_name)
        if isinstance(value, str) and value in numbers:
            return numbers[value]
        if isinstance(value, int) and not isinstance(value, bool) and value in numbers.values():
            return value
        self._findings.add(path, f"{value} is not one of its values", suggest_value(str(value), numbers))
        return 0

    def _number(self, value: Any, path: str) -> Any:
        if isinstance(value, str) and value in ("NaN", "Infinity", "-Infinity"):
            return float(value)
        is_right = isinstance(value, int | float) and not isinstance(value, bool)
        return self._checked(value, path, "a number", is_right=is_right)

    def _checked(self, value: Any, path: str, wanted: str, *, is_right: bool) -> Any:
        if not is_right:
            self._findings.add(path, f"takes {wanted}, found {value!r}")
        return value
