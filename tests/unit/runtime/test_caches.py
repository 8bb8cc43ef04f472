"""Which brick keeps the answers of a server, and what happens when it fails."""

import logging
from collections.abc import Mapping

import pytest
from tests.doubles import native

from trilith.contract import BrickKind, Cache, ConfigurationError, LoadError, Manifest, NativeCache, Problem
from trilith.runtime.bricks import Brick, Catalogue
from trilith.runtime.caches import QUIET_SECONDS, WatchedCache, use_cache

KEY = "00" * 32


class Memory:
    """A cache that can be told to fail."""

    def __init__(self) -> None:
        self.entries: dict[str, bytes] = {}
        self.failure: Exception | None = None
        self.answer: object = None
        self.closed = False

    def look_up(self, key: str) -> bytes | None:
        if self.failure:
            raise self.failure
        return self.answer or self.entries.get(key)  # type: ignore[return-value]  a brick may be wrong

    def store(self, key: str, entry: bytes) -> None:
        if self.failure:
            raise self.failure
        self.entries[key] = entry

    def close(self) -> None:
        self.closed = True
        if self.failure:
            raise self.failure


class MemoryBrick:
    def open(self, settings: Mapping[str, str]) -> Cache:
        if "bad" in settings:
            raise ConfigurationError([Problem("there is no setting 'bad'"), Problem("it has no host")])
        if "down" in settings:
            raise OSError("connection refused")
        if "away" in settings:
            raise LoadError("nobody answers at db:6379; start it")
        return Memory()


class NativeBrick:
    def open(self, settings: Mapping[str, str]) -> NativeCache:
        return NativeCache("local", {"size": int(settings["size"])})


CATALOGUE = Catalogue(
    tuple(
        Brick(Manifest(name, BrickKind.CACHE, name), f"{__name__}:{maker}")
        for name, maker in (("memory", "MemoryBrick"), ("local", "NativeBrick"))
    )
)


@pytest.fixture(autouse=True)
def _make_here(monkeypatch: pytest.MonkeyPatch) -> None:
    makers = {"MemoryBrick": MemoryBrick, "NativeBrick": NativeBrick}
    monkeypatch.setattr("trilith.runtime.bricks.make", lambda entry: makers[entry.partition(":")[2]]())


def test_a_native_cache_is_handed_to_the_core_as_it_is(
    server: native.Server, caplog: pytest.LogCaptureFixture
) -> None:
    assert use_cache(server, CATALOGUE, "local", {"size": "64"}) is None
    spec, too_large = server.cache
    assert spec == {"name": "local", "size": 64}
    with caplog.at_level(logging.DEBUG):
        too_large("m", 3, 100, 64)
    assert "model 'm' version 3 takes 100 bytes and is not kept: the cache holds 64" in caplog.text


def test_a_cache_in_python_is_watched_and_closed_in_the_end(server: native.Server) -> None:
    cache = use_cache(server, CATALOGUE, "memory", {})
    assert server.cache is cache
    assert cache is not None
    assert cache.look_up(KEY) is None
    cache.store(KEY, b"answer")
    assert cache.look_up(KEY) == b"answer"
    cache.close()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("locl", "--cache-config: there is no cache 'locl'; did you mean 'local'?"),
        ("elasticache", "there is no cache 'elasticache'; installed caches: local, memory"),
    ],
)
def test_an_unknown_cache_is_answered_with_those_there_are(
    server: native.Server, name: str, message: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        use_cache(server, CATALOGUE, name, {})
    assert message in str(caught.value)


def test_every_wrong_setting_is_named_with_its_flag(server: native.Server) -> None:
    with pytest.raises(ConfigurationError) as caught:
        use_cache(server, CATALOGUE, "memory", {"bad": "1"})
    assert str(caught.value).splitlines() == [
        "--cache-config=memory: there is no setting 'bad'",
        "--cache-config=memory: it has no host",
    ]


@pytest.mark.parametrize(
    ("setting", "message"), [("down", "OSError: connection refused"), ("away", "db:6379")]
)
def test_a_cache_that_cannot_be_reached_says_why(server: native.Server, setting: str, message: str) -> None:
    with pytest.raises(LoadError, match=message):
        use_cache(server, CATALOGUE, "memory", {setting: "1"})


class StandingClock:
    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return self.time


def test_what_a_cache_raises_is_logged_now_and_then_and_counts_as_not_found(
    caplog: pytest.LogCaptureFixture,
) -> None:
    memory, clock = Memory(), StandingClock()
    watched = WatchedCache("memory", memory, clock)  # type: ignore[arg-type]  nobody waits here
    memory.failure = OSError("broken pipe")
    for _ in range(3):
        assert watched.look_up(KEY) is None
    watched.store(KEY, b"x")
    assert caplog.messages == ["cache 'memory' could not look an answer up: OSError: broken pipe"]
    clock.time += QUIET_SECONDS
    watched.store(KEY, b"x")
    said = caplog.messages[1]
    assert said.startswith("cache 'memory' could not store an answer: OSError: broken pipe; ")
    assert said.endswith("3 failures before this one were not logged")
    watched.close()
    assert memory.closed
    assert "cache 'memory' failed while it was closed" in caplog.text


def test_what_is_no_entry_is_not_found(caplog: pytest.LogCaptureFixture) -> None:
    memory = Memory()
    memory.answer = "text"
    assert WatchedCache("memory", memory).look_up(KEY) is None
    assert "expected bytes or None" in caplog.text
