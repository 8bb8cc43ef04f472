"""What is known of CMake's variables without running it: each is one of some texts, or unknown."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from trilith.build.cmake.parsing import Word

Values = frozenset[str]
"""What a text may be; none where nothing is known of it."""

UNKNOWN: Values = frozenset()
# More alternatives than this say nothing any more.
_MOST = 32
_DEEPEST = 32
_REFERENCE = re.compile(r"\$(\w*)\{([^${}]*)\}")
_ESCAPE = re.compile(r"\\([^A-Za-z0-9;])")
_LETTERS = {"\\n": "\n", "\\t": "\t", "\\r": "\r"}
# Stands for a `$` that begins no reference while others are replaced.
_DOLLAR = "\0"


def known(*texts: str) -> Values:
    """Return what may be any of some texts."""
    return frozenset(texts)


def joined(parts: Iterable[Values], glue: str = "") -> Values:
    """Return the texts that parts make one after the other; unknown where one of them is."""
    found: list[str] | None = None
    for part in parts:
        found = sorted(part) if found is None else [f"{a}{glue}{b}" for a in found for b in sorted(part)]
        if not found or len(found) > _MOST:
            return UNKNOWN
    return frozenset(found if found is not None else [""])


@dataclass
class Scope:
    """Variables of a folder or a function, over those of the cache, which all share."""

    cache: dict[str, Values] = field(default_factory=dict)
    variables: dict[str, Values] = field(default_factory=dict)
    parent: "Scope | None" = None

    def below(self) -> "Scope":
        """Return a scope that sees these variables and does not change them."""
        return Scope(self.cache, dict(self.variables), self)

    def get(self, name: str) -> Values:
        """Return what a variable may be."""
        return self.variables.get(name, self.cache.get(name, UNKNOWN))


@dataclass(frozen=True)
class Frame:
    """Where commands run."""

    scope: Scope
    folder: str
    """Of the file, as CMake sees it."""
    file: str
    certain: bool = True
    """Whether they run whatever else CMake finds."""

    def put(self, name: str, values: Values, *, outside: bool = False) -> None:
        """Set a variable; it may still be what it was where it is not certain that this happens."""
        scope = self.scope.parent if outside and self.scope.parent else self.scope
        scope.variables[name] = values if self.certain or not values else values | scope.get(name)

    def maybe(self) -> "Frame":
        """Return the same place, reached under a condition that nobody knows yet."""
        return replace(self, certain=False)


@dataclass(frozen=True)
class Argument:
    """An argument, with what it may be."""

    values: Values
    text: str
    """As it is written."""
    word: Word

    @property
    def one(self) -> str:
        """Its text where it is but one; otherwise as it is written."""
        return next(iter(self.values)) if len(self.values) == 1 else self.text


def expand(text: str, scope: Scope) -> Values:
    """Return what a text may be with variables in their places."""
    alternatives = {_ESCAPE.sub(lambda match: _DOLLAR if match[1] == "$" else match[1], text)}
    for _ in range(_DEEPEST):
        open_ones = {one for one in alternatives if _REFERENCE.search(one)}
        if not open_ones:
            break
        alternatives -= open_ones
        for one in open_ones:
            match = _REFERENCE.search(one)
            if match is None:
                continue
            values = scope.get(match[2]) if match[1] in ("", "CACHE") else UNKNOWN
            if not values:
                return UNKNOWN
            before, after = one[: match.start()], one[match.end() :]
            alternatives |= {f"{before}{value.replace('$', _DOLLAR)}{after}" for value in values}
        if len(alternatives) > _MOST:
            return UNKNOWN
    return frozenset(_letters(one).replace(_DOLLAR, "$") for one in alternatives)


def arguments(words: Iterable[Word], scope: Scope) -> list[Argument]:
    """Return what words may be; lists in plain words become arguments of their own."""
    found: list[Argument] = []
    for word in words:
        if word.kind == "[":
            found.append(Argument(known(word.text), word.text, word))
            continue
        values = expand(word.text, scope)
        if word.kind or len(values) != 1:
            found.append(Argument(values, word.text, word))
            continue
        items = next(iter(values)).split(";")
        found += [Argument(known(item), word.text, word) for item in items if item or len(items) > 1]
    return found


def _letters(text: str) -> str:
    for written, meant in _LETTERS.items():
        text = text.replace(written, meant)
    return text
