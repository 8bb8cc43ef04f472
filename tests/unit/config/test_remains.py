"""What is told of a configuration beside the mistakes that make it none."""

import pytest

from trilith.config.draft import Draft, UnreadableError
from trilith.config.reader import parse
from trilith.config.remains import review

RIGHT = """
input { name: "A" data_type: TYPE_FP32 dims: [ 4 ] }
output { name: "B" data_type: TYPE_FP32 dims: [ 4 ] }
"""


def remains_of(text: str) -> Draft | None:
    with pytest.raises(UnreadableError) as caught:
        parse(text, "m", "config.pbtxt")
    return caught.value.remains


def fields_of_review(text: str) -> list[str]:
    draft = remains_of(text)
    assert draft is not None
    return [problem.field for problem in review(draft)]


def test_what_is_right_remains_with_its_lines() -> None:
    draft = remains_of('max_batch_size: 8\ninput [ { name: "A", dims: [ 1, 2 ] dim: 3 } ]\nbackends: "x"')

    assert draft is not None
    assert draft.document == {"max_batch_size": 8, "input": [{"name": "A", "dims": [1, 2]}]}
    assert draft.lines["input[0].dims"] == 2
    assert draft.mistaken == {"input[0].dims", "backend"}
    assert draft.is_sound("max_batch_size", "platform")
    assert not draft.is_sound("platform", "input")


@pytest.mark.parametrize("text", ['name: "m', "input { ", "}", "input [ { dims: [ 1 2 ] } ]"])
def test_nothing_remains_where_it_is_open_what_belongs_where(text: str) -> None:
    assert remains_of(f"max_batch_siz: 8\n{text}") is None


def test_mistakes_that_stand_alone_are_told() -> None:
    found = fields_of_review(
        """
        name: "other"
        max_batch_size: -1
        input { name: "A" data_type: TYPE_FLOAT dims: [ 0 ] }
        output { nam: "B" data_type: TYPE_FP32 dims: [ -2 ] }
        instance_group { count: -3 kind: KIND_CPUU }
        dynamic_batching { priority_levels: 2 default_priority_level: 3 max_queue_delay: 5 }
        """
    )

    assert sorted(found) == [
        "dynamic_batching.default_priority_level",
        "input[0].dims[0]",
        "instance_group[0].count",
        "max_batch_size",
        "name",
        "output[0].dims[0]",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "max_batch_siz: 8 dynamic_batching { preferred_batch_size: 4 }",  # no size is too large for 8
        "max_batch_size: 8x dynamic_batching { preferred_batch_size: 4 }",
        "dynamic_batching { preferred_batch_size: 4 surprise: 1 }",  # the backend may complete the largest
        'input { nam: "C" data_type: TYPE_FP32 dims: 1 } input { data_typ: TYPE_FP32 name: "D" dims: 1 }',
        'input { name: "C" dim: [ 4 ] data_type: TYPE_FP32 reshape { shape: [ 2, 2 ] } }',
        'output { name: "C" data_type: TYPE_FP3 dims: 4 } batch_output { target_name: "D" }',
        "sequence_batching { } response_cach { enable: true }",
    ],
)
def test_what_may_be_the_consequence_of_a_mistake_is_not_told(text: str) -> None:
    assert fields_of_review(RIGHT + text) == []


def test_where_a_size_is_written_and_right_preferred_ones_are_held_against_it() -> None:
    text = 'max_batch_size: 8 backnd: "x" dynamic_batching { preferred_batch_size: [ 4, 16 ] }'

    assert fields_of_review(RIGHT + text) == ["dynamic_batching.preferred_batch_size[1]"]
