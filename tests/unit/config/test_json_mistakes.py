"""What is said of JSON that is no model configuration."""

import json
from typing import Any

import pytest

from trilith.config.reader import parse_json
from trilith.contract import ConfigurationError


def refuse(text: str) -> list[tuple[str, str, str]]:
    """Field, message and advice of every mistake."""
    with pytest.raises(ConfigurationError) as caught:
        parse_json(text, "m")
    return [(problem.field, problem.message, problem.suggestion) for problem in caught.value.problems]


def test_every_unknown_field_is_named_with_what_was_probably_meant() -> None:
    document: dict[str, Any] = {
        "max_batch_siz": 8,
        "input": [{"name": "A", "dimms": [1]}],
        "parameters": {"k": {"strin_value": "x"}},
    }
    assert refuse(json.dumps(document)) == [
        (
            "max_batch_siz",
            "model 'm': ModelConfig has no field 'max_batch_siz'",
            "did you mean 'max_batch_size'?",
        ),
        ("input[0].dimms", "model 'm': ModelInput has no field 'dimms'", "did you mean 'dims'?"),
        (
            'parameters["k"].strin_value',
            "model 'm': ModelParameter has no field 'strin_value'",
            "did you mean 'string_value'?",
        ),
    ]


def test_a_word_that_is_no_value_is_named_with_its_place() -> None:
    mistakes = refuse('{"maxBatchSize": 8, "input": [{"name": "A", "dataType": "FLOAT"}]}')
    assert mistakes == [
        ("input[0].dataType", "model 'm': FLOAT is not one of its values", "did you mean 'TYPE_FP32'?")
    ]


@pytest.mark.parametrize("text", ["{nope", "[1]", '{"max_batch_size": "many"}', "[" * 100_000])
def test_what_else_is_wrong_is_told_in_one_line(text: str) -> None:
    ((_, message, _),) = refuse(text)
    assert message.startswith("model 'm': the given configuration is no ModelConfig: ")
    assert "\n" not in message
