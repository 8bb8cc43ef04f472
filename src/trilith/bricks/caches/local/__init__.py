"""Keeps answers in the server's own memory: ``--cache-config=local,size=BYTES``.

The keeping itself is native, so that an answer from the cache costs no Python.
"""

from collections.abc import Mapping
from difflib import get_close_matches

from trilith.contract import ConfigurationError, NativeCache, Problem

__all__ = ["LocalCacheBrick"]

SIZE = "size"
"""Bytes of all answers together, with what it takes to find them."""

LARGEST = 2**63 - 1


class LocalCacheBrick:
    """Reads what the cache is told and leaves the rest to the native core."""

    def open(self, settings: Mapping[str, str]) -> NativeCache:
        """Check the settings; there is one, and it is needed."""
        problems = [Problem(*_explain(key)) for key in settings if key != SIZE]
        text = settings.get(SIZE)
        size = int(text) if text is not None and text.isascii() and text.isdigit() else 0
        if text is None:
            problems.append(
                Problem("it has no size", suggestion="write --cache-config=local,size=BYTES, 104857600 say")
            )
        elif not 1 <= size <= LARGEST:
            message = f"size takes a whole number of bytes of at least 1, found '{text}'"
            problems.append(Problem(message, suggestion="write size=104857600 for 100 MiB, say"))
        if problems:
            raise ConfigurationError(problems)
        return NativeCache("local", {SIZE: size})


def _explain(key: str) -> tuple[str, str, int, str, str]:
    close = get_close_matches(key, [SIZE], n=1, cutoff=0.5)
    advice = f"did you mean '{close[0]}'?" if close else f"its one setting is '{SIZE}'"
    return f"there is no setting '{key}'", "", 0, "", advice
