from collections.abc import Callable

import pytest

DELAY = "timeout_action: DELAY default_timeout_microseconds: 1"
ONE_LEVEL = "priority_levels: 1 default_priority_level: 1"
PRIORITIES = "priority_levels: 2 default_priority_level: 1"


@pytest.mark.parametrize(
    ("batching", "field"),
    [
        ("preferred_batch_size: 0", "preferred_batch_size[0]"),
        ("preferred_batch_size: [ 4, 9 ]", "preferred_batch_size[1]"),
        ("priority_levels: 2", "default_priority_level"),
        ("priority_levels: 2 default_priority_level: 3", "default_priority_level"),
        (f"{PRIORITIES} priority_queue_policy {{ key: 0 value {{ }} }}", "priority_queue_policy[0]"),
        (f"{PRIORITIES} priority_queue_policy {{ key: 3 value {{ }} }}", "priority_queue_policy[3]"),
        (f"{PRIORITIES} preserve_ordering: true", "preserve_ordering"),
        (
            f"preserve_ordering: true default_queue_policy {{ {DELAY} }}",
            "default_queue_policy.timeout_action",
        ),
        (
            f"preserve_ordering: true {ONE_LEVEL} priority_queue_policy {{ key: 1 value {{ {DELAY} }} }}",
            "priority_queue_policy[1].timeout_action",
        ),
    ],
)
def test_batching_that_contradicts_itself_is_refused(
    field_problems: Callable[[str], list[str]], batching: str, field: str
) -> None:
    found = field_problems(f"max_batch_size: 8 dynamic_batching {{ {batching} }}")

    assert found == [f"dynamic_batching.{field}"]


def test_a_negative_batch_size_is_refused(field_problems: Callable[[str], list[str]]) -> None:
    assert field_problems("max_batch_size: -1") == ["max_batch_size"]
