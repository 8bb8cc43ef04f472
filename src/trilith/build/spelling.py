"""The known name nearest to one that is not known."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, candidates: Iterable[str]) -> str:
    """Return the candidate that was most likely meant; empty if none is near."""
    plain = {_plain(name): name for name in sorted(candidates)}
    close = get_close_matches(_plain(word), list(plain), n=1, cutoff=0.6)
    return plain[close[0]] if close else ""


def suggest(word: str, candidates: Iterable[str]) -> str:
    """Return advice to write the nearest candidate; empty if none is near."""
    found = nearest(word, candidates)
    return f"did you mean '{found}'?" if found else ""


def _plain(word: str) -> str:
    return word.lower().replace("-", "").replace("_", "")
