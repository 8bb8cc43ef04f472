"""From the words of a command line to values; every mistake is found, not only the first."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from trilith.cli.flag import Flag, Standing


@dataclass
class Parsed:
    """What a command line says."""

    values: dict[str, Any] = field(default_factory=dict)
    """By key of the flag; defaults included, lists for flags that repeat."""
    given: list[Flag] = field(default_factory=list)
    """Flags that were written, in order."""
    rest: list[str] = field(default_factory=list)
    """Words that belong to no flag."""
    problems: list[str] = field(default_factory=list)
    """Mistakes, one line each."""
    wants_help: bool = False


def parse(words: Sequence[str], flags: Sequence[Flag]) -> Parsed:
    """Read ``--flag=value``, ``--flag value`` and words without a flag.

    A flag may be cut short as long as it stays unique, as with GNU ``getopt_long``.
    """
    known = {flag.name: flag for flag in flags}
    parsed = Parsed(
        values={flag.key: [] if flag.repeats else flag.default for flag in flags if not flag.alias_of}
    )
    queue = list(words)
    while queue:
        word = queue.pop(0)
        if word in ("-h", "--help"):
            parsed.wants_help = True
        elif word == "--":
            parsed.rest += queue
            break
        elif word.startswith("--"):
            _take_flag(parsed, known, word, queue)
        elif word.startswith("-") and word != "-":
            parsed.problems.append(f"unknown flag {word}; flags start with two dashes")
        else:
            parsed.rest.append(word)
    return parsed


def nearest(name: str, names: Sequence[str]) -> str:
    """Return the name that looks most like another, or an empty string."""
    from difflib import get_close_matches  # noqa: PLC0415  needed only when something is wrong

    return next(iter(get_close_matches(name, names, n=1, cutoff=0.5)), "")


def _take_flag(parsed: Parsed, known: dict[str, Flag], word: str, queue: list[str]) -> None:
    name, equals, text = word[2:].partition("=")
    flag = _find(parsed, known, name)
    if flag is None:
        return
    if not flag.kind.metavar:
        if equals:
            parsed.problems.append(f"--{flag.name} takes no value, found '{text}'")
    elif not equals:
        if not queue:
            parsed.problems.append(f"--{flag.name} needs a value: --{flag.name}={flag.kind.metavar}")
            return
        text = queue.pop(0)
    _store(parsed, flag, text)


def _find(parsed: Parsed, known: dict[str, Flag], name: str) -> Flag | None:
    if name in known:
        return known[name]
    longer = [flag for other, flag in known.items() if name and other.startswith(name)]
    if len(longer) == 1:
        return longer[0]
    if longer:
        listed = ", ".join(f"--{flag.name}" for flag in longer)
        parsed.problems.append(f"--{name} may be any of {listed}; write it in full")
        return None
    close = nearest(name, list(known))
    hint = f"; did you mean --{close}?" if close else ""
    parsed.problems.append(f"unknown flag --{name}{hint}")
    return None


def _store(parsed: Parsed, flag: Flag, text: str) -> None:
    if flag.standing is Standing.LATER and text.lower() not in flag.off:
        parsed.problems.append(f"--{flag.name} is not in this version of Trilith; start without it")
        return
    try:
        value = flag.kind.read(text)
    except ValueError as error:
        parsed.problems.append(f"--{flag.name}={text}: {error}")
        return
    parsed.given.append(flag)
    if flag.repeats:
        parsed.values[flag.key].append(value)
    else:
        parsed.values[flag.key] = value
