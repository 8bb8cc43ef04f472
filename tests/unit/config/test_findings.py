import pytest

from trilith.config.draft import Draft, empty
from trilith.config.findings import Findings
from trilith.contract import ConfigurationError


def test_problems_come_in_the_order_of_the_file_and_those_without_a_line_last() -> None:
    findings = Findings(Draft("m", "config.pbtxt", {}, {"a": 1, "b": 2, "b[1]": 3}))
    findings.add("", "whole")
    findings.add("b[1].c", "inner")
    findings.add("a", "first")

    with pytest.raises(ConfigurationError) as caught:
        findings.raise_if_any()

    assert [(problem.field, problem.line) for problem in caught.value.problems] == [
        ("a", 1),
        ("b[1].c", 3),
        ("", 0),
    ]


def test_a_model_without_a_file_is_named() -> None:
    findings = Findings(empty("m"))
    findings.add("input[0]", "is odd")

    with pytest.raises(ConfigurationError, match=r"input\[0\]: model 'm': is odd"):
        findings.raise_if_any()


def test_nothing_is_raised_where_nothing_was_found() -> None:
    Findings(empty("m")).raise_if_any()
