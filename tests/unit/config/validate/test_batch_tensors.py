from collections.abc import Callable

import pytest

from trilith.contract import BatchInput, BatchOutput, DataType, ModelConfiguration, Problem

TENSORS = """
max_batch_size: 8
input { name: "IN" data_type: TYPE_FP32 dims: [ -1 ] allow_ragged_batch: true }
input { name: "MAYBE" data_type: TYPE_FP32 dims: [ 1 ] optional: true }
output { name: "OUT" data_type: TYPE_FP32 dims: [ -1 ] }
output { name: "DEEP" data_type: TYPE_FP32 dims: [ 2, -1 ] }
"""


def batch_input(
    *,
    kind: str = "BATCH_ELEMENT_COUNT",
    target: str = 'target_name: "COUNT"',
    datatype: str = "TYPE_INT32",
    source: str = 'source_input: "IN"',
) -> str:
    return f"batch_input {{ kind: {kind} {target} data_type: {datatype} {source} }}"


def batch_output(*, target: str = 'target_name: "OUT"', source: str = 'source_input: "IN"') -> str:
    return f"batch_output {{ kind: BATCH_SCATTER_WITH_INPUT_SHAPE {target} {source} }}"


@pytest.mark.parametrize(
    "kind",
    [
        "BATCH_ELEMENT_COUNT",
        "BATCH_ACCUMULATED_ELEMENT_COUNT",
        "BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO",
        "BATCH_MAX_ELEMENT_COUNT_AS_SHAPE",
        "BATCH_ITEM_SHAPE",
        "BATCH_ITEM_SHAPE_FLATTEN",
    ],
)
def test_every_kind_is_taken_with_several_targets(
    finish: Callable[[str], ModelConfiguration], kind: str
) -> None:
    text = batch_input(kind=kind, target='target_name: [ "C", "D" ]', datatype="TYPE_FP32") + batch_output()
    configuration = finish(TENSORS + text)
    assert configuration.batch_inputs == (BatchInput(kind, ("C", "D"), DataType.FP32, "IN"),)
    assert configuration.batch_outputs == (BatchOutput(("OUT",), "IN"),)


@pytest.mark.parametrize(
    ("text", "field", "message"),
    [
        (batch_input(kind="9"), "batch_input[0].kind", "9"),
        (batch_input(datatype="TYPE_INT64"), "batch_input[0].data_type", "TYPE_INT64"),
        (batch_input(source=""), "batch_input[0].source_input", "found 0"),
        (batch_input(source='source_input: [ "IN", "IN" ]'), "batch_input[0].source_input", "found 2"),
        (batch_input(source='source_input: "INN"'), "batch_input[0].source_input[0]", "no input 'INN'"),
        (batch_input(source='source_input: "MAYBE"'), "batch_input[0].source_input[0]", "optional"),
        (batch_input(target=""), "batch_input[0].target_name", "names no input"),
        (batch_input(target='target_name: ""'), "batch_input[0].target_name[0]", "empty"),
        (batch_input(target='target_name: "IN"'), "batch_input[0].target_name[0]", "an input of clients"),
        (
            batch_input() + batch_input(),
            "batch_input[1].target_name[0]",
            "filled by batch_input[0] already",
        ),
        (batch_output(target=""), "batch_output[0].target_name", "names no output"),
        (batch_output(target='target_name: "UOT"'), "batch_output[0].target_name[0]", "no output 'UOT'"),
        (batch_output(source='source_input: "MAYBE"'), "batch_output[0].source_input[0]", "optional"),
        (batch_output() + batch_output(), "batch_output[1].target_name[0]", "cut by batch_output[0] already"),
        (
            batch_output(target='target_name: "DEEP"'),
            "batch_output[0].target_name[0]",
            "dimension 1 of output 'DEEP' is -1, but input 'IN' has 1 dims",
        ),
    ],
)
def test_each_mistake_is_named_with_its_field_and_line(
    problems: Callable[[str], list[Problem]], text: str, field: str, message: str
) -> None:
    (problem,) = problems(TENSORS + text)
    assert (problem.field, problem.line) == (field, TENSORS.count("\n") + 1)
    assert message in problem.message


def test_a_target_that_sequence_batching_fills_is_refused(
    problems: Callable[[str], list[Problem]],
) -> None:
    control = (
        'sequence_batching { control_input { name: "COUNT" '
        "control { kind: CONTROL_SEQUENCE_START int32_false_true: [ 0, 1 ] } } }"
    )
    (problem,) = problems(TENSORS + batch_input() + control)
    assert "'COUNT' is filled by sequence batching already" in problem.message
