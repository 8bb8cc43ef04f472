"""Laws of reading ``config.pbtxt``."""

import math
import struct
from collections.abc import Sequence
from typing import Any

from google.protobuf import text_format
from hypothesis import given, settings
from hypothesis import strategies as st

from trilith.config.diagnosis import diagnose
from trilith.config.document import from_message, to_message
from trilith.config.draft import empty
from trilith.config.findings import Findings
from trilith.config.reader import parse
from trilith.config.schema import INTEGERS, ROOT, FieldType, schema
from trilith.contract import ConfigurationError, Problem

SAMPLE = """
name: "m" # the model
max_batch_size: 8
input [ { name: "A" data_type: TYPE_FP32 dims: [ 4, -1 ] }, { name: 'B' data_type: TYPE_INT8 dims: 1 } ]
output < name: "C" data_type: TYPE_STRING dims: [ 4 ]; >
dynamic_batching { priority_queue_policy { key: 1 value { max_queue_size: 0x10 } } }
parameters { key: "k" value { string_value: "v" "w" } }
sequence_batching { direct { minimum_slot_utilization: 0.5 } }
"""
PIECES = ["{", "}", "[", "]", "<", ">", ":", ",", ";", '"', "'", "-", "#", "\\", "\n", "é", "\0", "name", "9"]


def values(field: FieldType) -> st.SearchStrategy[Any]:
    if field.kind == "message":
        return documents(field.type_name)
    if field.kind == "enum":
        return st.sampled_from(list(schema().values(field.type_name)))
    if field.kind in INTEGERS:
        return st.integers(*INTEGERS[field.kind])
    if field.kind == "string":
        return st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    if field.kind == "bool":
        return st.booleans()
    return st.floats(width=32, allow_nan=False, allow_infinity=False)


def fields(field: FieldType) -> st.SearchStrategy[Any]:
    if field.is_map:
        entry = schema().fields(field.type_name)
        return st.dictionaries(values(entry["key"]).map(str), values(entry["value"]), max_size=2)
    return st.lists(values(field), max_size=2) if field.repeated else values(field)


def documents(message: str) -> st.SearchStrategy[dict[str, Any]]:
    """Any mapping of a message, with at most one field of each choice."""
    named = schema().fields(message)

    @st.composite
    def draw_document(draw: st.DrawFn) -> dict[str, Any]:
        names = draw(st.lists(st.sampled_from(list(named)), unique=True, max_size=4)) if named else []
        chosen = {named[name].oneof or name: name for name in names}
        return {name: draw(fields(named[name])) for name in chosen.values()}

    return draw_document()


def problems_of(text: str) -> Sequence[Problem]:
    try:
        dict(parse(text, "m", "config.pbtxt").lines)
    except ConfigurationError as error:
        return error.problems
    return ()


def is_same(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=1e-6) or struct.pack("f", left) == struct.pack("f", right)
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(is_same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(is_same, left, right))
    return bool(left == right)


@given(documents(ROOT))
@settings(max_examples=150, deadline=None)
def test_what_is_printed_reads_back(document: dict[str, Any]) -> None:
    """For every message: parse(print(message)) is its mapping with a line for each field, and no mistake."""
    message = to_message(schema(), document, Findings(empty("m")))

    text = text_format.MessageToString(message)
    draft = parse(text, "m", "config.pbtxt")

    assert is_same(draft.document, from_message(schema(), message, ROOT))
    assert diagnose(schema(), text) == []
    assert set(draft.document) <= set(draft.lines)


@given(documents(ROOT))
@settings(max_examples=100, deadline=None)
def test_a_complete_mapping_means_the_same_message(document: dict[str, Any]) -> None:
    """For every message: the message of its complete mapping is the message."""
    message = to_message(schema(), document, Findings(empty("m")))

    complete = from_message(schema(), message, ROOT, complete=True)

    assert to_message(schema(), complete, Findings(empty("m"))) == message


@given(st.text(max_size=200))
@settings(deadline=None)
def test_any_text_is_read_or_refused(text: str) -> None:
    """For every text: reading it ends in a draft or in a ConfigurationError."""
    assert all(problem.file == "config.pbtxt" for problem in problems_of(text))


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_any_damage_to_a_text_is_read_or_refused(data: st.DataObject) -> None:
    """For every text a few edits away from a good one: a draft, or problems with lines of that text."""
    text = SAMPLE
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 6)))
        text = text[:start] + data.draw(st.sampled_from(["", *PIECES])) + text[end:]

    for problem in problems_of(text):
        assert problem.message
        assert problem.file == "config.pbtxt"
        assert 0 <= problem.line <= text.count("\n") + 1
