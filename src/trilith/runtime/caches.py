"""The response cache of a server: which brick it is, and what happens when it fails."""

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from trilith.contract import BrickKind, Cache, ConfigurationError, LoadError, NativeCache, Problem
from trilith.runtime.clock import Clock, SystemClock

if TYPE_CHECKING:
    from trilith import native
    from trilith.runtime.bricks import Catalogue

log = logging.getLogger(__name__)

QUIET_SECONDS = 60.0
"""After a failure of a cache was logged, further ones are not, for so long."""

FLAG = "--cache-config"

DEFAULT_CACHE = "local"
"""What keeps answers where only their bytes are said, as with ``--response-cache-byte-size``."""


def use_cache(
    server: "native.Server", catalogue: "Catalogue", name: str, settings: Mapping[str, str]
) -> Cache | None:
    """Give the models of a server a cache for their answers, before any of them is loaded.

    Args:
        server: whose models they are.
        catalogue: of the bricks there are.
        name: of the cache.
        settings: as they were written, unread.

    Returns:
        What is to be closed when the server ends; ``None`` where the cache is native.

    Raises:
        ConfigurationError: there is no such cache, or its settings are wrong; every problem is named.
        LoadError: it cannot be used.
    """
    bricks = catalogue.of_kind(BrickKind.CACHE)
    if name not in bricks:
        from trilith.config.spelling import listing, suggest  # noqa: PLC0415  slow to import; for mistakes

        advice = suggest(name, bricks) or f"installed caches: {listing(sorted(bricks))}"
        raise ConfigurationError([Problem(f"{FLAG}: there is no cache '{name}'", suggestion=advice)])
    try:
        cache: Cache | NativeCache = bricks[name].make().open(settings)
    except ConfigurationError as error:
        title = f"{FLAG}={name}"
        raise ConfigurationError(
            [replace(problem, message=f"{title}: {problem.message}") for problem in error.problems]
        ) from error
    except LoadError:
        raise
    except Exception as error:
        raise LoadError(f"cache '{name}' cannot be used: {type(error).__name__}: {error}") from error
    log.info("answers are kept by the cache '%s'", name)
    if isinstance(cache, NativeCache):
        server.use_native_cache(json.dumps({"name": cache.name, **cache.settings}), _tell_too_large)
        return None
    watched = WatchedCache(name, cache)
    server.use_cache(watched)
    return watched


def _tell_too_large(model: str, version: int, size: int, limit: int) -> None:
    log.debug(
        "an answer of model '%s' version %d takes %d bytes and is not kept: the cache holds %d in all",
        model,
        version,
        size,
        limit,
    )


class WatchedCache:
    """A cache that never fails: what it raises is logged, now and then, and counts as not found."""

    def __init__(self, name: str, cache: Cache, clock: Clock | None = None) -> None:
        """Watch a cache."""
        self._name = name
        self._cache = cache
        self._clock = clock or SystemClock()
        self._quiet_until = 0.0
        self._unsaid = 0

    def look_up(self, key: str) -> bytes | None:
        """Return what the cache has, or ``None`` where it has nothing, nothing usable, or fails."""
        try:
            found = self._cache.look_up(key)
        except Exception as error:  # noqa: BLE001  whatever a brick raises, the request goes on
            self._complain("look an answer up", error)
            return None
        if found is None or isinstance(found, bytes):
            return found
        self._complain("look an answer up", TypeError(f"expected bytes or None, found {type(found)}"))
        return None

    def store(self, key: str, entry: bytes) -> None:
        """Let the cache keep an answer, if it can."""
        try:
            self._cache.store(key, entry)
        except Exception as error:  # noqa: BLE001  as above
            self._complain("store an answer", error)

    def close(self) -> None:
        """Close the cache."""
        try:
            self._cache.close()
        except Exception:
            log.exception("cache '%s' failed while it was closed", self._name)

    def _complain(self, what: str, error: Exception) -> None:
        now = self._clock.now()
        if now < self._quiet_until:
            self._unsaid += 1
            return
        more = f"; {self._unsaid} failures before this one were not logged" if self._unsaid else ""
        self._quiet_until, self._unsaid = now + QUIET_SECONDS, 0
        log.warning("cache '%s' could not %s: %s: %s%s", self._name, what, type(error).__name__, error, more)
