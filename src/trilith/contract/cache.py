"""Where answers are kept to be given again: what a cache brick does."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


class Cache(Protocol):
    """Keeps answers by the key of their request.

    Called from a few threads of the server at once, none of which runs a model or owns a socket: a call may
    wait for a network, and requests wait with it. What it raises is logged and counts as not found.
    """

    def look_up(self, key: str) -> bytes | None:
        """Return what was stored under a key, as it was, or ``None``.

        Args:
            key: 64 hexadecimal digits. It tells apart everything that a model can see of a request, and one
                load of a model from every other: no key of a model that was loaded anew was ever stored.
        """

    def store(self, key: str, entry: bytes) -> None:
        """Keep an answer for as long as seems good. One that is known under the key may stay."""

    def close(self) -> None:
        """Let go of what the cache holds. Called once, when the server ends."""


@dataclass(frozen=True)
class NativeCache:
    """A cache whose keeping is part of the native core, as a brick chooses and describes it."""

    name: str
    """As the native core knows it."""
    settings: Mapping[str, int | float | bool | str]
    """What the native core is told of it."""


class CacheBrick(Protocol):
    """Makes the cache of a server. The object behind an entry point of the group ``trilith.bricks``."""

    def open(self, settings: Mapping[str, str]) -> Cache | NativeCache:
        """Make the cache.

        Args:
            settings: values of ``--cache-config=NAME,KEY=VALUE``.

        Raises:
            ConfigurationError: the settings are wrong; every problem is named.
            LoadError: the cache cannot be reached; the message says why and what to do.
        """
