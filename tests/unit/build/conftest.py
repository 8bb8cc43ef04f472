"""A machine to plan on, and plans from command lines."""

from collections.abc import Callable

import pytest

from trilith.build import Host, Plan
from trilith.build.catalogue import load
from trilith.build.mirrors import Mirrors
from trilith.build.planning import plan
from trilith.build.problems import BuildError
from trilith.build.words import select

HOST = Host("linux", "x86_64", 4)


def decide(line: str, catalogue: str = "triton", mirrors: Mirrors | None = None) -> Plan:
    """Plan what a command line asks for."""
    known = load(catalogue)
    selection, rest, problems = select(line.split(), known)
    assert not rest
    try:
        decided = plan(selection, known, HOST, mirrors)
    except BuildError as error:
        raise BuildError([*problems, *error.problems]) from error
    if problems:
        raise BuildError(problems)
    return decided


@pytest.fixture
def planned() -> Callable[..., Plan]:
    """Plan what a command line asks for, on a machine with Linux and four cores."""
    return decide


@pytest.fixture
def refused() -> Callable[..., list[str]]:
    """Say what is wrong with a command line."""

    def refuse(line: str, catalogue: str = "triton") -> list[str]:
        with pytest.raises(BuildError) as caught:
            decide(line, catalogue)
        return [str(problem) for problem in caught.value.problems]

    return refuse
