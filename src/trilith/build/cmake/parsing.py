"""From the text of a CMake file to its commands, as CMake's own grammar splits them."""

import re
from collections.abc import Iterator, Sequence
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


@dataclass(frozen=True)
class Block:
    """Commands that are run together: branches of an ``if``, a loop, a definition."""

    opening: Command
    branches: tuple[tuple[tuple[Word, ...], "Body"], ...]
    """Conditions with what is run where they hold; a single one for loops and definitions."""


Body = Sequence[Command | Block]

_ENDS = {
    "if": ("elseif", "else", "endif"),
    "foreach": ("endforeach",),
    "while": ("endwhile",),
    "function": ("endfunction",),
    "macro": ("endmacro",),
    "block": ("endblock",),
}


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


def blocks(flat: Sequence[Command]) -> Body:
    """Put commands between ``if`` and ``endif``, and their like, into blocks."""
    return _body(iter(flat), ())[0]


def _body(flat: Iterator[Command], ends: tuple[str, ...]) -> tuple[Body, Command | None]:
    found: list[Command | Block] = []
    for command in flat:
        if command.name in ends:
            return found, command
        if command.name in _ENDS:
            found.append(_block(flat, command))
        else:
            found.append(command)
    return found, None


def _block(flat: Iterator[Command], opening: Command) -> Block:
    branches = []
    condition: tuple[Word, ...] = opening.words
    while True:
        body, end = _body(flat, _ENDS[opening.name])
        branches.append((condition, body))
        if end is None or end.name not in ("elseif", "else"):
            return Block(opening, tuple(branches))
        condition = end.words if end.name == "elseif" else (Word("TRUE"),)


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
