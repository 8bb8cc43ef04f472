from collections.abc import Callable

import pytest

STATE = 'input_name: "S" output_name: "T" data_type: TYPE_FP32 dims: [ 2 ]'
INITIAL = 'name: "begin" data_type: TYPE_FP32'


@pytest.mark.parametrize(
    ("batching", "field"),
    [
        ("direct { minimum_slot_utilization: -0.1 }", "direct.minimum_slot_utilization"),
        ("direct { minimum_slot_utilization: nan }", "direct.minimum_slot_utilization"),
        ("oldest { preferred_batch_size: [ 0 ] }", "oldest.preferred_batch_size[0]"),
        ("oldest { preferred_batch_size: [ 4, 9 ] }", "oldest.preferred_batch_size[1]"),
        ("oldest { max_candidate_sequences: -1 }", "oldest.max_candidate_sequences"),
        (f"state {{ {STATE} initial_state {{ {INITIAL} dims: [ 2 ] }} }}", "state[0].initial_state[0]"),
        (
            f"state {{ {STATE} initial_state {{ {INITIAL} dims: [ 3 ] zero_data: true }} }}",
            "state[0].initial_state[0].dims",
        ),
        (
            f"state {{ {STATE} initial_state {{ {INITIAL} dims: [ 2, 2 ] zero_data: true }} }}",
            "state[0].initial_state[0].dims",
        ),
        (f"state {{ {STATE} use_growable_memory: true }}", "state[0].use_growable_memory"),
    ],
)
def test_sequence_batching_that_contradicts_itself_is_refused(
    field_problems: Callable[[str], list[str]], batching: str, field: str
) -> None:
    found = field_problems(f"max_batch_size: 8 sequence_batching {{ {batching} }}")

    assert set(found) == {f"sequence_batching.{field}"}


@pytest.mark.parametrize(
    "control",
    [
        "kind: CONTROL_SEQUENCE_START",
        "kind: CONTROL_SEQUENCE_END int32_false_true: [ 0 ]",
        "kind: CONTROL_SEQUENCE_READY int32_false_true: [ 0, 1 ] bool_false_true: [ false, true ]",
        "kind: CONTROL_SEQUENCE_CORRID",
        "kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_UINT8",
        "kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_INT32 int32_false_true: [ 0, 1 ]",
    ],
)
def test_a_control_without_values_of_its_own_is_refused(
    field_problems: Callable[[str], list[str]], control: str
) -> None:
    text = f'sequence_batching {{ control_input {{ name: "C" control {{ {control} }} }} }}'

    assert len(field_problems(text)) == 1


def test_the_server_fills_inputs_that_nobody_else_does(field_problems: Callable[[str], list[str]]) -> None:
    control = "control { kind: CONTROL_SEQUENCE_START int32_false_true: [ 0, 1 ] }"

    assert field_problems(f'sequence_batching {{ control_input {{ name: "A" {control} }} }}') == [
        "sequence_batching.control_input[0].name"
    ]
