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


@pytest.mark.parametrize(
    ("resources", "field"),
    [
        ("resources { count: 1 }", "instance_group[0].rate_limiter.resources[0]"),
        ('resources { name: "R" }', "instance_group[0].rate_limiter.resources[0].count"),
        (
            'resources { name: "R" count: 1 } resources { name: "R" global: true count: 1 }',
            "instance_group[0].rate_limiter.resources[1].name",
        ),
    ],
)
def test_resources_are_named_counted_and_listed_once(
    field_problems: Callable[[str], list[str]], resources: str, field: str
) -> None:
    assert field_problems(f"instance_group {{ rate_limiter {{ {resources} }} }}") == [field]


def test_a_resource_is_the_servers_in_all_groups_or_in_none(
    field_problems: Callable[[str], list[str]],
) -> None:
    groups = [
        f'instance_group {{ rate_limiter {{ resources {{ name: "R" count: 1 {more} }} }} }}'
        for more in ("", "global: true")
    ]
    assert field_problems("\n".join(groups)) == ["instance_group[1].rate_limiter.resources[0].global"]
