"""Requests that warm a model up."""

from collections.abc import Callable

import pytest

from trilith.contract import ModelConfiguration

TENSORS = """
max_batch_size: 4
input { name: "A" data_type: TYPE_FP32 dims: [ 4 ] }
output { name: "B" data_type: TYPE_FP32 dims: [ 4 ] }
"""


def sample(given: str, name: str = "A", size: int = 1) -> str:
    inputs = f'inputs {{ key: "{name}" value {{ {given} }} }}'
    return f'{TENSORS} model_warmup {{ name: "w" batch_size: {size} {inputs} }}'


def test_a_sample_that_fits_is_taken(finish: Callable[[str], ModelConfiguration]) -> None:
    document = finish(sample("data_type: TYPE_FP32 dims: 4 zero_data: true", size=4)).document
    assert document["model_warmup"][0]["inputs"]["A"]["zero_data"] is True


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (sample("data_type: TYPE_INT8 dims: 4 zero_data: true"), "is TYPE_FP32, found TYPE_INT8"),
        (sample("data_type: TYPE_FP32 dims: 5 zero_data: true"), "has dims [4], found [5]"),
        (sample("data_type: TYPE_FP32 dims: -1 zero_data: true"), "needs a definite shape"),
        (sample("data_type: TYPE_FP32 dims: 4"), "says not where its data come from"),
        (sample('data_type: TYPE_FP32 dims: 4 input_data_file: "../x"'), "lies outside the folder 'warmup'"),
        (sample("data_type: TYPE_FP32 dims: 4 zero_data: true", "C"), "the model has no input 'C'"),
        (sample("data_type: TYPE_FP32 dims: 4 zero_data: true", "C"), "gives nothing for input 'A'"),
        (
            sample("data_type: TYPE_FP32 dims: 4 zero_data: true", size=5),
            "more than the 4 that the model takes",
        ),
    ],
)
def test_what_does_not_fit_is_named(problems: Callable[[str], list[object]], text: str, problem: str) -> None:
    assert any(problem in str(found) for found in problems(text))
