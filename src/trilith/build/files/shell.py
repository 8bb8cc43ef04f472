"""Shell scripts in which every word is quoted."""

import re
import shlex
from collections.abc import Iterable

FOLDERS = ("BUILD_DIR", "INSTALL_DIR", "CI_DIR", "SOURCE_DIR")
_VARIABLE = re.compile(rf"@({'|'.join((*FOLDERS, 'PARALLEL'))})@")
_RULE = "#" * 100
_WIDTH = 100


def quote(text: str) -> str:
    """Quote a word; ``@BUILD_DIR@`` and its like become the script's variables."""
    pieces = _VARIABLE.split(text)
    return (
        "".join(
            f'"${piece}"' if index % 2 else (shlex.quote(piece) if piece else "")
            for index, piece in enumerate(pieces)
        )
        or "''"
    )


class Script:
    """A bash script in the making."""

    def __init__(self, title: str, header: Iterable[str], *, trace: bool) -> None:
        """Start with what every script begins with."""
        self._lines = ["#!/usr/bin/env bash", f"# {title}", "#", *(f"# {line}".rstrip() for line in header)]
        self.blank()
        self.raw("set -euo pipefail")
        if trace:
            self.raw("set -x")

    def raw(self, text: str) -> None:
        """Add lines as they are; never with a value in them that was not quoted."""
        self._lines += text.strip("\n").split("\n")

    def blank(self) -> None:
        """Add an empty line."""
        self._lines.append("")

    def comment(self, text: str) -> None:
        """Add a comment."""
        self._lines.append(f"# {_one_line(text)}")

    def section(self, *titles: str) -> None:
        """Start a part of the script."""
        self._lines += ["", _RULE, *(f"# {_one_line(title)}" for title in titles)]

    def run(self, *words: str) -> None:
        """Add a command, one word per line where it is long."""
        quoted = [quote(word) for word in words]
        line = " ".join(quoted)
        if len(line) > _WIDTH:
            line = " \\\n    ".join(_in_pairs(quoted))
        self._lines += line.split("\n")

    def text(self) -> str:
        """Return the script."""
        return "\n".join(self._lines) + "\n"


def _in_pairs(words: list[str]) -> list[str]:
    """Keep a command's flags beside their values."""
    lines: list[str] = []
    for word in words:
        if lines and not word.startswith("-") and re.fullmatch(r"-{1,2}[A-Za-z-]+", lines[-1]):
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _one_line(text: str) -> str:
    return " ".join(text.split())
