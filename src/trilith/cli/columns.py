"""Text as wide as the terminal."""

import re
import shutil
import sys
import textwrap

# Where the lines after the first begin: below the second column, or a little further in.
_SECOND_COLUMN = re.compile(r" +\S+ {2,}(?=\S)")
_INDENT = re.compile(r" *")
_FURTHER = 4
_NARROW = 40
"""Columns below which wrapping makes nothing easier to read."""


def write(text: str) -> None:
    """Write a text to standard output; wrapped where a person reads it, as it is where a program does."""
    width = shutil.get_terminal_size((0, 0)).columns
    sys.stdout.write(wrap(text, width) if width and sys.stdout.isatty() else text)


def wrap(text: str, width: int) -> str:
    """Break lines that are longer than ``width`` between words; what is below hangs below its column."""
    return "".join(_wrap(line, width) for line in text.splitlines(keepends=True))


def _wrap(line: str, width: int) -> str:
    if len(line.rstrip("\n")) <= width or width < _NARROW:
        return line
    column = _SECOND_COLUMN.match(line)
    indent = _INDENT.match(line)
    hang = column.end() if column else (indent.end() if indent else 0) + _FURTHER
    return (
        textwrap.fill(
            line.rstrip("\n"),
            width,
            subsequent_indent=" " * hang,
            break_long_words=False,
            break_on_hyphens=False,
            drop_whitespace=True,
        )
        + "\n"
    )
