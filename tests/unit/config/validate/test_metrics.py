from collections.abc import Callable

import pytest

FAMILY = 'metric_identifier { family: "f" }'


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
