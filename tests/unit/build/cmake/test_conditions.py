"""Conditions, as far as they can be told."""

import pytest

from trilith.build.cmake.conditions import Truth, holds
from trilith.build.cmake.parsing import commands
from trilith.build.cmake.values import Scope, known

SCOPE = Scope(
    {
        "ON_": known("ON"),
        "OFF_": known("OFF"),
        "EMPTY": known(""),
        "VERSION": known("1.10.2"),
        "NAME": known("boost_1_80"),
        "EITHER": known("a", "b"),
        "LIST": known("a;b"),
    }
)


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("ON_", True),
        ("${ON_}", True),
        ("OFF_", False),
        ("NOT OFF_", True),
        ("EMPTY", False),
        ("ON_ AND OFF_", False),
        ("ON_ OR NOBODY_KNOWS", True),
        ("OFF_ AND NOBODY_KNOWS", False),
        ("NOBODY_KNOWS", None),
        ("NOT NOBODY_KNOWS", None),
        ("ON_ AND NOBODY_KNOWS", None),
        ("NOT (OFF_ OR EMPTY)", True),
        ("VERSION VERSION_GREATER_EQUAL 1.9", True),
        ('"${VERSION}" VERSION_LESS "1.10.2.0"', False),
        ("NAME STREQUAL boost_1_80", True),
        ('NAME STREQUAL "other"', False),
        ("NAME MATCHES ^boost", True),
        ("NAME MATCHES [", False),
        ("3 GREATER 2", True),
        ("EITHER STREQUAL a", None),
        ("EITHER", True),
        ("a IN_LIST LIST", True),
        ("c IN_LIST LIST", False),
        ("DEFINED ON_", True),
        ("DEFINED NOBODY_KNOWS", None),
        ("TARGET x", None),
        ("EXISTS /somewhere AND OFF_", False),
        ('"text"', False),
        ("x-NOTFOUND", False),
        ("", False),
    ],
)
def test_a_condition_holds_or_not_or_nobody_knows(text: str, truth: Truth) -> None:
    (command,) = commands(f"if({text})")
    assert holds(command.words, SCOPE) is truth
