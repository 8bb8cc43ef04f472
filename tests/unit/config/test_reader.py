from pathlib import Path

import pytest

from trilith import config
from trilith.config.reader import parse
from trilith.contract import ConfigurationError

TEXT = """name: "m"
# a comment
max_batch_size: 8
input [
  {
    name: "A" data_type: TYPE_FP32
    dims: [ 4, -1 ]
  },
  { name: "B" data_type: TYPE_STRING dims: 1 }
]
dynamic_batching { }
parameters {
  key: "threads"
  value { string_value: "4" }
}
"""


def test_a_draft_holds_what_was_written_and_no_more(tmp_path: Path) -> None:
    path = tmp_path / "config.pbtxt"
    path.write_text(TEXT)

    draft = config.read(path, "m")

    assert draft.name == "m"
    assert draft.file == str(path)
    assert draft.document == {
        "name": "m",
        "max_batch_size": 8,
        "input": [
            {"name": "A", "data_type": "TYPE_FP32", "dims": [4, -1]},
            {"name": "B", "data_type": "TYPE_STRING", "dims": [1]},
        ],
        "dynamic_batching": {},
        "parameters": {"threads": {"string_value": "4"}},
    }


def test_a_byte_order_mark_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "config.pbtxt"
    path.write_text(f"\ufeff{TEXT}")

    assert config.read(path, "m").document["max_batch_size"] == 8


def test_a_draft_knows_the_line_of_each_field() -> None:
    lines = parse(TEXT, "m", "config.pbtxt").lines

    assert lines["max_batch_size"] == 3
    assert lines["input[0]"] == 5
    assert lines["input[0].dims"] == 7
    assert lines["input[1].name"] == 9
    assert lines['parameters["threads"].string_value'] == 14
    assert "input[2]" not in lines
    assert len(list(lines)) == len(lines)


def test_a_model_without_a_file_has_an_empty_draft() -> None:
    draft = config.empty("m")

    assert (draft.name, draft.file, draft.document, dict(draft.lines)) == ("m", "", {}, {})


def test_a_completed_draft_keeps_its_file_and_lines() -> None:
    draft = parse(TEXT, "m", "config.pbtxt")

    completed = draft.with_document({"name": "m"})

    assert completed.document == {"name": "m"}
    assert completed.file == draft.file
    assert completed.lines["input[0].dims"] == 7


def test_a_file_that_is_not_there_is_a_problem_of_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"config\.pbtxt: cannot be read: No such file"):
        config.read(tmp_path / "config.pbtxt", "m")


def test_a_file_that_is_not_utf8_is_reported_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "config.pbtxt"
    path.write_bytes(b'name: "m"\nplatform: "\xff"\n')

    with pytest.raises(ConfigurationError) as caught:
        config.read(path, "m")

    assert caught.value.problems[0].line == 2


def test_a_mistake_that_only_the_library_sees_is_given_in_its_words() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse('name: "m"\nplatform: "\\xff"\n', "m", "config.pbtxt")

    (problem,) = caught.value.problems
    assert problem.line > 1
    assert "utf-8" in problem.message


@pytest.mark.parametrize(
    "text",
    [
        "max_batch_size: 0x10",
        "max_batch_size: 020",
        "max_batch_size: 16;",
        "max_batch_size: 16, backend: 'a' \"b\"",
        "input < name: 'A' >",
        "model_transaction_policy { decoupled: t }",
        "input { data_type: 11 }",
    ],
)
def test_every_notation_of_the_text_format_is_taken(text: str) -> None:
    draft = parse(text, "m", "config.pbtxt")

    assert draft.document
    assert set(draft.lines.values()) == {1}
