"""Compares two answers, leaving out what cannot be the same: times, names and versions of the servers."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from differential.answers import Answer
from differential.expected import find_reason

VOLATILE = re.compile(r"^(ns|last_inference|extensions|memory_usage|reason)$")


@dataclass(frozen=True)
class Difference:
    """One place in which two answers are not the same."""

    title: str
    place: str
    theirs: str
    ours: str
    reason: str = ""

    def __str__(self) -> str:
        """Render it on a few lines."""
        mark = f" [expected: {self.reason}]" if self.reason else ""
        return f"{self.title}: {self.place}{mark}\n    triton:  {self.theirs}\n    trilith: {self.ours}"


def compare(title: str, theirs: Answer, ours: Answer) -> Iterator[Difference]:
    """Compare two answers; the messages of errors are shown, and may differ."""
    if theirs.status != ours.status:
        left, right = (f"{answer.status} {_shown(answer)}" for answer in (theirs, ours))
        yield _make(title, "status", left, right)
        return
    for key in sorted({*theirs.headers, *ours.headers}):
        yield from _differ(title, f"header {key}", theirs.headers.get(key), ours.headers.get(key))
    yield from _differ(title, "", theirs.content, ours.content)


def _shown(answer: Answer) -> str:
    return answer.message or json.dumps(answer.content)[:200]


def _make(title: str, place: str, theirs: str, ours: str) -> Difference:
    return Difference(title, place, theirs, ours, find_reason(title, place, theirs, ours))


def _differ(title: str, place: str, theirs: Any, ours: Any) -> Iterator[Difference]:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in [*theirs, *(key for key in ours if key not in theirs)]:
            if not VOLATILE.match(key):
                yield from _differ(
                    title, f"{place}.{key}", theirs.get(key, "(none)"), ours.get(key, "(none)")
                )
    elif _is_index(theirs) and _is_index(ours):
        yield from _differ(title, place, _by_name(theirs), _by_name(ours))
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        for index, (left, right) in enumerate(zip(theirs, ours, strict=True)):
            yield from _differ(title, f"{place}[{index}]", left, right)
    elif (theirs != ours and theirs == theirs) or type(theirs) is not type(ours):  # noqa: PLR0124  NaN
        yield _make(title, place, json.dumps(theirs)[:300], json.dumps(ours)[:300])


def _is_index(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(row, dict) and "name" in row and "datatype" not in row and "dims" not in row
        for row in value
    )


def _by_name(rows: list[Any]) -> dict[str, Any]:
    """Rows of models, whose order means nothing."""
    return {f"{row['name']}/{row.get('version', '')}": row for row in rows}
