from collections.abc import Callable

import pytest

FAMILY = 'metric_identifier { family: "f" }'


def test_a_tag_can_be_a_label(field_problems: Callable[[str], list[str]]) -> None:
    tags = 'metric_tags { key: "te am" value: "red" } metric_tags { key: "Team_1" value: "a b" }'
    found = field_problems(tags)
    assert found == ["metric_tags"]


@pytest.mark.parametrize(
    ("control", "field"),
    [
        ("histogram_options { buckets: 1 }", ""),
        (FAMILY, ".histogram_options.buckets"),
        (f"{FAMILY} histogram_options {{ buckets: [ 2, 1 ] }}", ".histogram_options.buckets"),
        (f"{FAMILY} histogram_options {{ buckets: [ 1, nan ] }}", ".histogram_options.buckets"),
    ],
)
def test_a_metric_needs_a_family_and_ascending_buckets(
    field_problems: Callable[[str], list[str]], control: str, field: str
) -> None:
    found = field_problems(f"model_metrics {{ metric_control {{ {control} }} }}")

    assert found == [f"model_metrics.metric_control[0]{field}"]
