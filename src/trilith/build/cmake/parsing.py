"""From the text of a CMake file to its commands, as CMake's own grammar splits them.

It needs nothing else of this package, and goes into scripts together with `places`.
"""

import re
from dataclasses import dataclass

_SPACE = re.compile(r"(?:\s+|#\[(=*)\[.*?\]\1\]|#(?!\[=*\[)[^\n]*)+", re.DOTALL)
_NAME = re.compile(r"([A-Za-z_]\w*)[ \t]*\(")
_BRACKET = re.compile(r"\[(=*)\[\n?(.*?)\]\1\]", re.DOTALL)
_QUOTED = re.compile(r'"((?:\\.|[^"\\])*)"', re.DOTALL)
# Quotes inside a word and make's $(NAME) belong to it.
_PLAIN = re.compile(r'(?:\\.|\$\(\w*\)|"(?:\\.|[^"\\])*"|[^\s()#"\\])+', re.DOTALL)


@dataclass(frozen=True)
class Word:
    """One argument, as it is written."""

    text: str
    kind: str = ""
    """``"`` for quoted, ``[`` for a bracket, ``(`` for a parenthesis, empty for a plain one."""
    start: int = 0
    end: int = 0


@dataclass(frozen=True)
class Command:
    """A command and its arguments."""

    name: str
    """In small letters: CMake does not tell them apart."""
    words: tuple[Word, ...]
    line: int
    start: int
    """Where it begins in the text."""


def commands(text: str) -> list[Command]:
    """Return the commands of a text; what CMake would not read ends it."""
    found: list[Command] = []
    place = 0
    while True:
        place = _skip(text, place)
        match = _NAME.match(text, place)
        if not match:
            return found
        words, end = _words(text, match.end())
        line = text.count("\n", 0, place) + 1
        found.append(Command(match[1].lower(), tuple(words), line, place))
        place = end


def _skip(text: str, place: int) -> int:
    match = _SPACE.match(text, place)
    return match.end() if match else place


def _words(text: str, place: int) -> tuple[list[Word], int]:
    found: list[Word] = []
    depth = 0
    while True:
        place = _skip(text, place)
        if place >= len(text):
            return found, place
        if text[place] in "()":
            depth += 1 if text[place] == "(" else -1
            if depth < 0:
                return found, place + 1
            found.append(Word(text[place], "(", place, place + 1))
            place += 1
            continue
        word = _word(text, place)
        if word is None:
            return found, len(text)
        found.append(word)
        place = word.end


def _word(text: str, place: int) -> Word | None:
    for pattern, kind, group in ((_BRACKET, "[", 2), (_QUOTED, '"', 1), (_PLAIN, "", 0)):
        match = pattern.match(text, place)
        if match:
            return Word(match[group], kind, place, match.end())
    return None
