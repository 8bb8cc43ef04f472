"""Limits that the system sets."""

import resource
from collections.abc import Iterator

import pytest

from trilith.server.limits import WANTED_DESCRIPTORS, raise_descriptor_limit


@pytest.fixture
def limits() -> Iterator[tuple[int, int]]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_low_limit_is_raised_as_far_as_allowed(limits: tuple[int, int]) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
    raise_descriptor_limit()
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (min(limits[1], WANTED_DESCRIPTORS), limits[1])


def test_a_limit_that_is_high_already_stays(limits: tuple[int, int]) -> None:
    high = min(limits[1], WANTED_DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (high, limits[1]))
    raise_descriptor_limit()
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (high, limits[1])
