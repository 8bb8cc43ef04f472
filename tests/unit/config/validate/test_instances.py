from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    ("group", "field"),
    [
        ("count: -1", "count"),
        ("kind: KIND_CPU gpus: 0", "gpus"),
        ("kind: KIND_MODEL gpus: 0", "gpus"),
        ("kind: KIND_GPU gpus: -1", "gpus[0]"),
        ("kind: KIND_GPU gpus: [ 1, 1 ]", "gpus[1]"),
        ('profile: "0"', "profile"),
    ],
)
def test_a_group_that_contradicts_itself_is_refused(
    field_problems: Callable[[str], list[str]], group: str, field: str
) -> None:
    assert field_problems(f"instance_group {{ {group} }}") == [f"instance_group[0].{field}"]
