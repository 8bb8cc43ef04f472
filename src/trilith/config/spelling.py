"""The valid spelling nearest to one that is not."""

from collections.abc import Collection, Iterable
from typing import Final

# What other frameworks call datatypes, and what requests do.
_DATATYPES: Final = {
    "BFLOAT16": "TYPE_BF16",
    "BYTES": "TYPE_STRING",
    "DOUBLE": "TYPE_FP64",
    "FLOAT": "TYPE_FP32",
    "FLOAT16": "TYPE_FP16",
    "FLOAT32": "TYPE_FP32",
    "FLOAT64": "TYPE_FP64",
    "HALF": "TYPE_FP16",
    "STR": "TYPE_STRING",
}


def nearest(word: str, candidates: Iterable[str]) -> str:
    """Return the candidate that was most likely meant; empty if none is near.

    Near is: equal but for case, prefix or separators, or an edit distance of at most a third of the word.
    """
    plain = _plain(word)
    best, best_distance = "", len(plain) // 3 + 1
    for candidate in sorted(candidates):
        other = _plain(candidate)
        if plain and other.endswith(plain) and candidate.endswith(f"_{word.upper()}"):
            return candidate
        if abs(len(other) - len(plain)) >= best_distance:
            continue
        distance = _distance(plain, other)
        if distance < best_distance:
            best, best_distance = candidate, distance
    return best


def suggest(word: str, candidates: Iterable[str]) -> str:
    """Return advice to write the nearest candidate; empty if none is near."""
    found = nearest(word, candidates)
    return f"did you mean '{found}'?" if found else ""


def suggest_value(word: str, names: Collection[str]) -> str:
    """Return advice on what to write in place of something that is no value of an enum."""
    other = _DATATYPES.get(word.upper().removeprefix("TYPE_"), "")
    if other in names:
        return f"did you mean '{other}'?"
    valid = [name for name in names if not name.endswith("_INVALID")]
    return suggest(word, valid) or f"they are {listing(valid)}"


def listing(words: Iterable[str]) -> str:
    """Return words as they stand in a sentence: ``a, b, c``, or ``none``."""
    return ", ".join(words) or "none"


def _plain(word: str) -> str:
    return word.lower().replace("-", "").replace("_", "")


def _distance(left: str, right: str) -> int:
    """Return the edits that turn one word into the other; swapping two neighbours counts as one."""
    before: list[int] = []
    previous = list(range(len(right) + 1))
    for row, letter in enumerate(left, 1):
        current = [row]
        for column, other in enumerate(right, 1):
            cost = min(
                previous[column] + 1, current[column - 1] + 1, previous[column - 1] + (letter != other)
            )
            swapped = row > 1 and column > 1 and left[row - 2] == other and letter == right[column - 2]
            current.append(min(cost, before[column - 2] + 1) if swapped else cost)
        before, previous = previous, current
    return previous[-1]
