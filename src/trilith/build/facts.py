"""Facts, conditions on them, and texts with placeholders: the small language in which catalogues speak.

A fact is a word such as ``enable:gpu``, ``backend:NAME`` or ``platform:rhel``. A condition is a list of words
that must all hold: ``fact``, ``!fact`` for its opposite, ``one|other`` for either.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping

# `${VAR}` belongs to CMake and shells.
_PLACEHOLDER = re.compile(r"(?<!\$)\{([a-z][a-z0-9_.:-]*)\}")


def holds(condition: Iterable[str], facts: Collection[str]) -> bool:
    """Say whether every word of a condition holds."""
    return all(any(_one(word, facts) for word in words.split("|")) for words in condition)


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put values in place of ``{placeholders}``.

    Raises:
        KeyError: a placeholder that has no value.
    """
    return _PLACEHOLDER.sub(lambda match: values[match[1]], text)


def placeholders(text: str) -> list[str]:
    """Return the placeholders of a text."""
    return _PLACEHOLDER.findall(text)


def reach(starts: Iterable[str], following: Callable[[str], Iterable[str]]) -> dict[str, str]:
    """Walk a graph from ``starts``; each node that is reached, with the one it was reached from.

    What is needed comes before what needs it; nodes of ``starts`` come from nowhere (an empty text).
    """
    order: dict[str, str] = {}

    def visit(node: str, reason: str, path: tuple[str, ...]) -> None:
        if node in order or node in path:
            return
        for other in following(node):
            visit(other, node, (*path, node))
        order[node] = reason

    for start in starts:
        visit(start, "", ())
    chosen = set(starts)
    return {node: "" if node in chosen else reason for node, reason in order.items()}


def _one(word: str, facts: Collection[str]) -> bool:
    return word[1:] not in facts if word.startswith("!") else word in facts
