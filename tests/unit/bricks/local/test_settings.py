"""What the cache in the server's memory can be told."""

import pytest

from trilith.bricks.caches.local import LocalCacheBrick
from trilith.contract import ConfigurationError, NativeCache


def test_its_size_is_all_there_is_to_say() -> None:
    assert LocalCacheBrick().open({"size": "1048576"}) == NativeCache("local", {"size": 1048576})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "it has no size"),
        ({"size": "abc"}, "size takes a whole number of bytes of at least 1, found 'abc'"),
        ({"size": "-5"}, "found '-5'"),
        ({"size": "0"}, "found '0'"),
        ({"size": ""}, "found ''"),
        ({"size": "1e6"}, "found '1e6'"),
        ({"size": "²"}, "found '²'"),
        ({"size": "9223372036854775808"}, "found '9223372036854775808'"),
        ({"siz": "5"}, "there is no setting 'siz'; did you mean 'size'?"),
        ({"size": "5", "host": "x"}, "there is no setting 'host'; its one setting is 'size'"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_write(settings: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        LocalCacheBrick().open(settings)
    assert message in str(caught.value)


def test_all_mistakes_are_reported_together() -> None:
    with pytest.raises(ConfigurationError) as caught:
        LocalCacheBrick().open({"siz": "5", "host": "x"})
    assert len(caught.value.problems) == 3
