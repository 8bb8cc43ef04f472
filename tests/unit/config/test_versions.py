from typing import Any

import pytest

from trilith import config
from trilith.config.draft import Draft
from trilith.config.reader import parse
from trilith.contract import ConfigurationError


def choose(policy: dict[str, Any] | None, *available: int) -> list[int]:
    document = {} if policy is None else {"version_policy": policy}
    return config.choose_versions(Draft("m", "config.pbtxt", document), available)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (None, [10]),
        ({"latest": {}}, [10]),
        ({"latest": {"num_versions": 2}}, [3, 10]),
        ({"latest": {"num_versions": 9}}, [1, 3, 10]),
        ({"all": {}}, [1, 3, 10]),
        ({"specific": {"versions": [3, 1]}}, [1, 3]),
    ],
)
def test_the_policy_selects(policy: dict[str, Any] | None, expected: list[int]) -> None:
    assert choose(policy, 10, 1, 3) == expected


def test_a_specific_version_without_a_folder_is_named_with_its_line() -> None:
    text = 'name: "m"\nversion_policy {\n  specific { versions: [\n  1,\n  7 ] } }'
    draft = parse(text, "m", "config.pbtxt")

    with pytest.raises(ConfigurationError) as caught:
        config.choose_versions(draft, [1, 2])

    (problem,) = caught.value.problems
    assert problem.line == 5
    assert problem.message == "version 7 has no folder; available: 1, 2"


@pytest.mark.parametrize("policy", [None, {"all": {}}, {"specific": {}}])
def test_a_model_without_versions_cannot_be_served(policy: dict[str, Any] | None) -> None:
    with pytest.raises(ConfigurationError, match="version"):
        choose(policy)
