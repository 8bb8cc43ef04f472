from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("batch_input { }", "batch_input"),
        ("batch_output { }", "batch_output"),
        ("model_repository_agents { }", "model_repository_agents"),
    ],
)
def test_what_is_not_served_is_refused_rather_than_ignored(
    field_problems: Callable[[str], list[str]], text: str, field: str
) -> None:
    assert field_problems(text) == [field]
