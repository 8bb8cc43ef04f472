from pathlib import Path
from typing import Any

import pytest

from trilith.bricks.backends.onnxruntime.completion import complete_document, is_complete
from trilith.bricks.backends.onnxruntime.signature import ModelTensor, Signature
from trilith.contract import ConfigurationError, LoadError, ModelSource

BATCHED = Signature(
    (ModelTensor("in", "tensor(float)", (-1, 3)),), (), (ModelTensor("out", "tensor(string)", (-1,)),)
)
FIXED = Signature(
    (ModelTensor("in", "tensor(int64)", (2, -1)),), (), (ModelTensor("out", "tensor(bool)", ()),)
)


def complete(document: dict[str, Any], signature: Signature = BATCHED, **settings: str) -> dict[str, Any]:
    return complete_document(ModelSource("m", 1, Path(), Path(), settings), document, signature)


def test_a_model_that_takes_batches_gets_four_and_the_dynamic_scheduler() -> None:
    assert complete({}) == {
        "max_batch_size": 4,
        "dynamic_batching": {},
        "input": [{"name": "in", "data_type": "TYPE_FP32", "dims": [3]}],
        "output": [{"name": "out", "data_type": "TYPE_STRING", "dims": [1], "reshape": {"shape": []}}],
    }


def test_a_model_that_takes_none_stays_without() -> None:
    assert complete({}, FIXED) == {
        "input": [{"name": "in", "data_type": "TYPE_INT64", "dims": [2, -1]}],
        "output": [{"name": "out", "data_type": "TYPE_BOOL", "dims": [1]}],
    }


def test_the_setting_of_the_backend_says_how_large() -> None:
    assert complete({}, **{"default-max-batch-size": "32"})["max_batch_size"] == 32


def test_batches_of_one_need_no_scheduler() -> None:
    assert "dynamic_batching" not in complete({}, **{"default-max-batch-size": "1"})


def test_a_setting_that_is_no_number_is_refused() -> None:
    with pytest.raises(LoadError, match="'default-max-batch-size' is 'many'"):
        complete({}, **{"default-max-batch-size": "many"})


def test_a_scheduler_that_is_written_stays() -> None:
    written = {"sequence_batching": {"max_sequence_idle_microseconds": 5}}
    assert "dynamic_batching" not in complete(written)
    assert complete({"dynamic_batching": {"preserve_ordering": True}})["dynamic_batching"] == {
        "preserve_ordering": True
    }


def test_wanting_batches_from_a_model_that_takes_none_is_refused() -> None:
    expected = r"max_batch_size: is 8, but the model takes no batches.*'in', 'out'"
    with pytest.raises(ConfigurationError, match=expected):
        complete({"max_batch_size": 8}, FIXED)


def test_what_an_entry_leaves_open_is_filled_in() -> None:
    written = {"max_batch_size": 2, "input": [{"name": "in", "dims": [-1]}]}
    assert complete(written)["input"] == [{"name": "in", "data_type": "TYPE_FP32", "dims": [-1]}]


def test_entries_that_the_model_does_not_have_are_left_for_the_check_at_load() -> None:
    written = {"input": [{"name": "in", "dims": [3]}, {"name": "typo"}]}
    assert complete(written)["input"][1] == {"name": "typo"}


def test_a_type_that_the_protocol_does_not_have_is_refused() -> None:
    sequence = Signature((ModelTensor("in", "seq(tensor(float))", ()),), (), ())
    with pytest.raises(LoadError, match=r"'in' is a seq\(tensor\(float\)\), which the protocol cannot carry"):
        complete({}, sequence)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({}, False),
        ({"input": [{"name": "a", "data_type": "TYPE_FP32", "dims": [1]}]}, False),
        (
            {
                "input": [{"name": "a", "data_type": "TYPE_FP32", "dims": [1]}],
                "output": [{"name": "b", "data_type": "TYPE_FP32", "dims": [1]}],
            },
            True,
        ),
        (
            {
                "input": [{"name": "a", "data_type": "TYPE_FP32"}],
                "output": [{"name": "b", "data_type": "TYPE_FP32", "dims": [1]}],
            },
            False,
        ),
    ],
)
def test_a_document_is_complete_when_every_tensor_is_described(
    document: dict[str, Any],
    expected: bool,  # noqa: FBT001 - a value of the table above
) -> None:
    assert is_complete(document) is expected
