from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("ensemble_scheduling { }", "ensemble_scheduling"),
    ],
)
def test_what_is_not_served_is_refused_rather_than_ignored(
    field_problems: Callable[[str], list[str]], text: str, field: str
) -> None:
    assert field_problems(text) == [field]
