"""What stands in a text besides its mistakes.

A configuration with a misspelt field is no configuration, but most of it still says what it says, and what is
wrong with the rest should be told in the same breath.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from trilith.config.defaults import fill
from trilith.config.diagnosis import mistakes
from trilith.config.document import from_message, to_message
from trilith.config.draft import Draft
from trilith.config.findings import Findings
from trilith.config.locations import Place, lines
from trilith.config.schema import ROOT, Schema, schema
from trilith.config.spelling import nearest
from trilith.config.syntax import Entry, Value, scan
from trilith.config.validate import validate
from trilith.contract import Problem

if TYPE_CHECKING:
    from google.protobuf.message import Message

# Fields about which it can be told that they are wrong from what is written there alone, or there and in the
# fields named; whatever else is found could be the consequence of a mistake.
_ALONE: Final[Sequence[tuple[re.Pattern[str], Sequence[str]]]] = (
    (re.compile(r"name|max_batch_size|metric_tags|model_metrics\..*"), ()),
    (re.compile(r"(in|out)put\[\d+\]\.(name|data_type|dims|format)(\[\d+\])?"), ()),
    (re.compile(r"instance_group\[\d+\]\.(count|kind|gpus|rate_limiter)\b.*"), ()),
    (re.compile(r"dynamic_batching\.(?!preferred_batch_size).*"), ()),
    (re.compile(r"dynamic_batching\.preferred_batch_size\[\d+\]"), ("max_batch_size",)),
)


def find_remains(tables: Schema, text: str, name: str, file: str) -> Draft | None:
    """Return what can be relied upon in a text that is no ``ModelConfig``; ``None`` where nothing can."""
    entries, problems = scan(text)
    if problems:  # where blocks end is a guess
        return None
    wrong = [place for place, _ in mistakes(tables, entries)]
    sound = list(_without(entries, {id(place.value or place.entry) for place in wrong}))
    message = tables.message_class()
    if not _merge(_write(sound), message):
        return None
    mistaken = frozenset(_meant(tables, place) for place in wrong)
    document = from_message(tables, message, ROOT)
    return Draft(name, file, document, lines(tables, sound), mistaken)


def review(draft: Draft) -> list[Problem]:
    """Return what is wrong for certain with a draft that may lack fields or have mistaken ones.

    Only of fields that are written; what is missing may be completed, or be missing for its misspelling.
    """
    findings = Findings(draft)
    validate(_complete(draft), draft.name, findings)
    return [problem for problem in findings.problems if _stands_alone(problem, draft)]


def _complete(draft: Draft) -> dict[str, Any]:
    tables = schema()
    message = to_message(tables, fill(draft.document, draft.name, "", None, None), Findings(draft))
    return from_message(tables, message, ROOT, complete=True)


def _stands_alone(problem: Problem, draft: Draft) -> bool:
    field = problem.field
    if field not in draft.lines or _is_beside_mistake(field, draft.mistaken):
        return False
    return any(
        pattern.fullmatch(field) and all(other in draft.lines and draft.is_sound(other) for other in needs)
        for pattern, needs in _ALONE
    )


def _is_beside_mistake(field: str, mistaken: Collection[str]) -> bool:
    """Whether a field is mistaken itself, or further inside a block in which something is."""
    for path in mistaken:
        block = path.rpartition(".")[0]
        if field == path or (block and field.startswith(f"{block}.") and "." in field[len(block) + 1 :]):
            return True
    return False


def _meant(tables: Schema, place: Place) -> str:
    if place.field:
        return place.path
    meant = nearest(place.entry.name, tables.fields(place.message)) or place.entry.name
    return f"{place.parent}.{meant}" if place.parent else meant


def _without(entries: Sequence[Entry], left_out: Collection[int]) -> Iterator[Entry]:
    for entry in entries:
        kept = [_value(value, left_out) for value in entry.values if id(value) not in left_out]
        if kept:
            yield replace(entry, values=kept)


def _value(value: Value, left_out: Collection[int]) -> Value:
    return replace(value, entries=list(_without(value.entries, left_out)))


def _write(entries: Sequence[Entry]) -> str:
    return "\n".join(
        f"{entry.name} {{\n{_write(value.entries)}\n}}"
        if value.kind == "block"
        else f"{entry.name}: {value.text}"
        for entry in entries
        for value in entry.values
    )


def _merge(text: str, message: "Message") -> bool:
    from google.protobuf import text_format  # noqa: PLC0415 - as in `reader`

    try:
        text_format.Parse(text, message)
    except (text_format.ParseError, ValueError, RecursionError, TypeError, AttributeError, LookupError):
        return False
    return True
