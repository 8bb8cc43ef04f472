"""Conditions of ``if``, as far as they can be told without running CMake: true, false, or not known."""

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from trilith.build.cmake.parsing import Word
from trilith.build.cmake.values import Scope, Values, expand

Truth = bool | None
_TRUE = re.compile(r"(?i)1|ON|YES|TRUE|Y|[1-9]\d*(\.\d+)?")
_FALSE = re.compile(r"(?i)0|OFF|NO|FALSE|N|IGNORE|NOTFOUND|.*-NOTFOUND|")
_UNARY = ("EXISTS", "COMMAND", "TARGET", "POLICY", "TEST", "IS_DIRECTORY", "IS_SYMLINK", "IS_ABSOLUTE")
_TEXTS, _VERSIONS = "STR", "VERSION_"
_PARTS = 8
"""More parts than any version has."""

_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "EQUAL": operator.eq,
    "LESS": operator.lt,
    "GREATER": operator.gt,
    "LESS_EQUAL": operator.le,
    "GREATER_EQUAL": operator.ge,
}


def _compare(name: str, left: str, right: str) -> bool:
    """Compare two texts as CMake's ``name`` does."""
    if name == "MATCHES":
        return _matches(left, right)
    if name.startswith(_TEXTS):
        return _ORDERS[name.removeprefix(_TEXTS)](left, right)
    return _ORDERS[name.removeprefix(_VERSIONS)](_version(left), _version(right))


def _is_comparison(name: str) -> bool:
    plain = name.removeprefix(_TEXTS).removeprefix(_VERSIONS)
    return plain in _ORDERS or name in ("MATCHES", "IN_LIST", "IS_NEWER_THAN")


def holds(words: Sequence[Word], scope: Scope) -> Truth:
    """Say whether a condition holds; ``None`` where that shows only when CMake runs."""
    return _Reader(list(words), scope).either()


class _Reader:
    """Reads a condition from the left; ``OR`` binds least, then ``AND``, then ``NOT``."""

    def __init__(self, words: list[Word], scope: Scope) -> None:
        self.words, self.scope = words, scope

    def either(self) -> Truth:
        found = self.both()
        while self._take("OR"):
            other = self.both()
            found = True if found or other else (None if None in (found, other) else False)
        return found

    def both(self) -> Truth:
        found = self.opposite()
        while self._take("AND"):
            other = self.opposite()
            found = False if found is False or other is False else (None if None in (found, other) else True)
        return found

    def opposite(self) -> Truth:
        if self._take("NOT"):
            inner = self.opposite()
            return None if inner is None else not inner
        return self.single()

    def single(self) -> Truth:
        if not self.words:
            return False
        word = self.words.pop(0)
        if word.kind == "(":
            return self._parenthesis()
        if not word.kind and word.text == "DEFINED" and self.words:
            return self._defined(self.words.pop(0).text)
        if not word.kind and word.text in _UNARY and self.words:
            self.words.pop(0)
            return None
        if len(self.words) > 1 and not self.words[0].kind and _is_comparison(self.words[0].text):
            name = self.words.pop(0).text
            return self._comparison(word, name, self.words.pop(0))
        return self._truth(word)

    def _parenthesis(self) -> Truth:
        found = self.either()
        if self.words:
            self.words.pop(0)
        return found

    def _take(self, text: str) -> bool:
        if self.words and not self.words[0].kind and self.words[0].text == text:
            self.words.pop(0)
            return True
        return False

    def _defined(self, name: str) -> Truth:
        values = self.scope.get(name)
        return True if values else None

    def _comparison(self, left: Word, name: str, right: Word) -> Truth:
        if name == "IS_NEWER_THAN":
            return None
        first = self._meant(left)
        if name == "IN_LIST":
            return _agree(a in b.split(";") for a in first for b in self.scope.get(right.text))
        second = expand(right.text, self.scope) if name == "MATCHES" else self._meant(right)
        return _agree(_compare(name, a, b) for a in first for b in second)

    def _meant(self, word: Word) -> Values:
        """Return what a side of a comparison may be: a plain word may name a variable."""
        values = expand(word.text, self.scope)
        if word.kind or len(values) != 1:
            return values
        return self.scope.get(next(iter(values))) or values

    def _truth(self, word: Word) -> Truth:
        return _agree(self._true(one, quoted=bool(word.kind)) for one in expand(word.text, self.scope))

    def _true(self, text: str, *, quoted: bool) -> Truth:
        if _TRUE.fullmatch(text):
            return True
        if _FALSE.fullmatch(text):
            return False
        if quoted:
            return False
        values = self.scope.get(text)
        return _agree(not _FALSE.fullmatch(one) for one in values)


def _agree(truths: Iterable[Truth]) -> Truth:
    found = set(truths)
    return found.pop() if len(found) == 1 else None


def _version(text: str) -> tuple[int, ...]:
    parts = [int(part) if part.isdecimal() else 0 for part in re.split(r"[.\-+]", text)]
    return tuple((parts + [0] * _PARTS)[:_PARTS])


def _matches(text: str, pattern: str) -> bool:
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return False
