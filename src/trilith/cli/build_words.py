"""Command lines of the subcommands of ``trilith build`` that take no selection."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from trilith.build.flags import Flag
from trilith.build.problems import BuildError, Problem
from trilith.build.selection import Layer
from trilith.build.words import read_words


@dataclass(frozen=True)
class Given:
    """What a command line says."""

    layer: Layer
    rest: list[str]
    """Words that belong to no flag."""

    def text(self, name: str, default: str = "") -> str:
        """Return the value of a flag; the last one counts."""
        return self.layer.last(name) or default

    def has(self, name: str) -> bool:
        """Say whether a switch is on."""
        return bool(self.layer.last(name))

    def all(self, name: str) -> list[str]:
        """Return every value of a flag."""
        return [value for key, value in self.layer.choices if key == name]


def read(words: Sequence[str], flags: Iterable[Flag], *, takes: Sequence[str] = ()) -> Given:
    """Read a command line.

    Args:
        words: without the name of the command.
        flags: those that it has.
        takes: what the words that belong to no flag are, in order; all of them are needed.

    Raises:
        BuildError: it cannot be; all mistakes are named.
    """
    found = read_words(words, {flag.name: flag for flag in flags})
    problems = [Problem(f"unexpected argument '{word}'") for word in found.rest[len(takes) :]]
    problems += [Problem(f"{name} is missing") for name in takes[len(found.rest) :]]
    if problems or found.problems:
        raise BuildError([*found.problems, *problems])
    return Given(found.layer, found.rest)
