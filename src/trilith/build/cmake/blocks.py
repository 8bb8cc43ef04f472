"""From commands of CMake to blocks: what is run together, and where conditions hold."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from trilith.build.cmake.parsing import Command, Word


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
