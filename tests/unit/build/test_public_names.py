"""What ``trilith.build`` offers to other programs."""

import inspect
from typing import TYPE_CHECKING

import pytest

import trilith.build

if TYPE_CHECKING:  # who uses it has its types checked: without them, these would be no mistakes to ignore
    trilith.build.verify(1)  # type: ignore[arg-type]
    trilith.build.load(2)  # type: ignore[arg-type]


def test_the_steps_of_a_build_can_be_imported() -> None:
    from trilith.build import assemble, fetch, lock, plan, verify  # noqa: PLC0415

    assert all(inspect.isfunction(step) for step in (plan, lock, fetch, assemble, verify))


@pytest.mark.parametrize("name", trilith.build.__all__)
def test_every_public_name_is_documented_and_typed(name: str) -> None:
    found = getattr(trilith.build, name)
    assert inspect.getdoc(found)
    if inspect.isfunction(found):
        signature = inspect.signature(found)
        assert signature.return_annotation is not inspect.Signature.empty
        assert all(one.annotation is not inspect.Parameter.empty for one in signature.parameters.values())


def test_a_name_that_is_not_there_says_so() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        trilith.build.nothing  # noqa: B018
