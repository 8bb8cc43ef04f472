"""The shape of a text in protobuf's text format: names, values, blocks and the lines where they stand.

The protobuf library decides whether a text is valid; this reader is there to say where things stand and what
is wrong. So it knows no schema, and it goes on after a mistake.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from trilith.contract import Problem

_TOKEN: Final = re.compile(
    r"""(?P<blank>[^\S\n]+|\#[^\n]*)
      | (?P<newline>\n)
      | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
      | (?P<unclosed>["'][^\n]*)
      | (?P<number>-?\.?[0-9](?:[eE][+-]|[\w.])*)
      | (?P<word>-?[A-Za-z_]\w*)
      | (?P<mark>.)""",
    re.VERBOSE,
)
_CLOSING: Final = {"{": "}", "<": ">"}
# A model configuration nests seven deep; far beyond that a text is no configuration at all.
_DEEPEST: Final = 40


@dataclass(slots=True)
class Value:
    """One value of a field."""

    kind: str
    """``string``, ``number``, ``word`` or ``block``."""
    text: str
    line: int
    entries: list["Entry"] = field(default_factory=list)
    """What stands in a block."""


@dataclass(slots=True)
class Entry:
    """One field as written."""

    name: str
    line: int
    has_colon: bool = False
    is_list: bool = False
    values: list[Value] = field(default_factory=list)


@dataclass(slots=True)
class _Token:
    kind: str
    text: str
    line: int


def scan(text: str) -> tuple[list[Entry], list[Problem]]:
    """Return the fields of a text, and the mistakes in its syntax (without the file)."""
    scanner = _Scanner(text)
    return scanner.entries("", 0), scanner.problems


def _tokens(text: str) -> list[_Token]:
    tokens, line = [], 1
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "mark"
        if kind == "newline":
            line += 1
        elif kind != "blank":
            tokens.append(_Token(kind, match.group(), line))
    tokens.append(_Token("end", "", line))
    return tokens


class _Scanner:
    def __init__(self, text: str) -> None:
        self.problems: list[Problem] = []
        self._tokens = _tokens(text)
        self._position = 0

    @property
    def _next(self) -> _Token:
        return self._tokens[self._position]

    def _take(self) -> _Token:
        token = self._next
        if token.kind != "end":
            self._position += 1
        return token

    def _problem(self, line: int, message: str, name: str = "", suggestion: str = "") -> None:
        self.problems.append(Problem(message, line=line, field=name, suggestion=suggestion))

    def _skip_line(self) -> None:
        line = self._next.line
        while self._next.kind != "end" and self._next.line == line and self._next.text not in ("}", ">"):
            self._take()

    def entries(self, closing: str, depth: int) -> list[Entry]:
        """Take fields up to the closing mark, or to the end of the text where it is empty."""
        found: list[Entry] = []
        while True:
            token = self._next
            if token.kind == "end" or (closing and token.text == closing):
                return found
            if token.kind == "word" and not token.text.startswith("-"):
                found.append(self._entry(depth))
            elif token.text in ("}", ">"):
                self._take()
                self._problem(token.line, f"'{token.text}' closes nothing", suggestion="remove it")
            else:
                self._problem(token.line, f"a field name was expected, found {_quoted(token)}")
                self._take()
                self._skip_line()

    def _entry(self, depth: int) -> Entry:
        name = self._take()
        entry = Entry(name.text, name.line)
        if self._next.text == ":":
            self._take()
            entry.has_colon = True
        if self._next.text == "[" and self._next.kind == "mark":
            entry.is_list = True
            self._list(entry, depth)
        elif self._is_value_missing(entry):
            advice = f"write {name.text}: VALUE"
            self._problem(name.line, "the value is missing", name.text, advice)
        else:
            self._value(entry, depth)
        if self._next.text in (",", ";"):
            self._take()
        return entry

    def _is_value_missing(self, entry: Entry) -> bool:
        token = self._next
        if token.text in _CLOSING:
            return False
        if token.kind in ("end", "mark"):
            return True
        following = self._tokens[min(self._position + 1, len(self._tokens) - 1)]
        return token.line > entry.line and token.kind == "word" and following.text in (":", "{", "[", "<")

    def _value(self, entry: Entry, depth: int) -> None:
        token = self._take()
        if token.text in _CLOSING and token.kind == "mark":
            entry.values.append(Value("block", token.text, token.line, self._block(entry, token, depth)))
            return
        if token.kind == "unclosed":
            self._problem(token.line, f"the string {token.text} is not closed", entry.name, "add the quote")
            token.kind = "string"
        text = token.text
        while token.kind == "string" and self._next.kind == "string":
            text += self._take().text  # neighbours are one string
        entry.values.append(Value(token.kind, text, token.line))

    def _block(self, entry: Entry, opening: _Token, depth: int) -> list[Entry]:
        if depth >= _DEEPEST:
            self._problem(opening.line, "blocks are nested too deeply", entry.name)
            self._position = len(self._tokens) - 1
            return []
        closing = _CLOSING[opening.text]
        entries = self.entries(closing, depth + 1)
        if self._next.kind == "end":
            message = f"the '{opening.text}' opened here is never closed"
            self._problem(opening.line, message, entry.name, f"add '{closing}'")
        else:
            self._take()
        return entries

    def _list(self, entry: Entry, depth: int) -> None:
        opening = self._take()
        while self._next.text != "]":
            if not self._goes_on(entry, opening):
                self._skip_line()
                return
            self._value(entry, depth)
            self._separator(entry)
        self._take()

    def _separator(self, entry: Entry) -> None:
        """Take what stands between two values of a list."""
        token = self._next
        if token.text == ",":
            self._take()
            if self._next.text == "]":
                self._problem(token.line, "a comma stands before ']'", entry.name, "remove it")
        elif token.text in _CLOSING or token.kind not in ("mark", "end"):
            self._problem(token.line, f"a comma is missing before {_quoted(token)}", entry.name)

    def _goes_on(self, entry: Entry, opening: _Token) -> bool:
        token = self._next
        if token.kind == "end":
            self._problem(opening.line, "the list opened here is never closed", entry.name, "add ']'")
            return False
        if token.kind == "mark" and token.text not in _CLOSING:
            advice = "separate values by single commas and close the list with ']'"
            self._problem(token.line, f"the list goes wrong at {_quoted(token)}", entry.name, advice)
            return False
        return True


def _quoted(token: _Token) -> str:
    return f"'{token.text}'" if token.kind != "end" else "the end of the file"
