from collections.abc import Callable

import pytest

from trilith.contract import ModelConfiguration, Problem

OUTPUT = 'output { name: "B" data_type: TYPE_FP32 dims: [ 4 ] }'


def tensor(shape: str, *, batches: bool = True) -> str:
    size = 8 if batches else 0
    return f'max_batch_size: {size} {OUTPUT} input {{ name: "A" data_type: TYPE_FP32 {shape} }}'


@pytest.mark.parametrize(
    "shape",
    [
        "dims: [ 1 ]",
        "dims: [ -1, 3 ]",
        "dims: [ 4, 6 ] reshape { shape: [ 2, 12 ] }",
        "dims: [ 2, 4, -1, 6 ] reshape { shape: [ 8, -1, 1, 6 ] }",
        "dims: [ 1 ] reshape { shape: [ ] }",
        "dims: [ 1, 1 ] reshape { }",
        "dims: [ 3, 224, 224 ] format: FORMAT_NCHW",
        "dims: [ -1 ] allow_ragged_batch: true",
    ],
)
def test_a_shape_that_makes_sense_is_taken(finish: Callable[[str], ModelConfiguration], shape: str) -> None:
    assert finish(tensor(shape)).inputs[0].name == "A"


@pytest.mark.parametrize(
    ("shape", "field"),
    [
        ("", "input[0].dims"),
        ("dims: [ 0 ]", "input[0].dims[0]"),
        ("dims: [ 1, -2 ]", "input[0].dims[1]"),
        ("dims: [ 4 ] reshape { shape: [ 5 ] }", "input[0].reshape"),
        ("dims: [ -1 ] reshape { shape: [ -1, -1 ] }", "input[0].reshape"),
        ("dims: [ 2, -1 ] reshape { shape: [ -1, 2 ] }", "input[0].reshape"),
        ("dims: [ 2 ] reshape { }", "input[0].reshape"),
        ("dims: [ 224, 3 ] format: FORMAT_NHWC", "input[0].format"),
        ("dims: [ 4 ] is_shape_tensor: true", "input[0].is_shape_tensor"),
        ("dims: [ 1, 1, 4 ] is_non_linear_format_io: true", "input[0].is_non_linear_format_io"),
    ],
)
def test_a_shape_that_makes_no_sense_is_refused(
    problems: Callable[[str], list[Problem]], shape: str, field: str
) -> None:
    assert [problem.field for problem in problems(tensor(shape))] == [field]


@pytest.mark.parametrize(
    ("shape", "field"),
    [
        ("dims: [ 1 ] reshape { }", "input[0].reshape"),
        ("dims: [ 1 ] allow_ragged_batch: true", "input[0].allow_ragged_batch"),
    ],
)
def test_what_needs_a_batch_dimension_is_refused_without(
    problems: Callable[[str], list[Problem]], shape: str, field: str
) -> None:
    assert [problem.field for problem in problems(tensor(shape, batches=False))] == [field]
