"""From the words of a command line, a preset or a ``server.toml`` to layers of choices."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from trilith.build.catalogue.schema import Catalogue
from trilith.build.flags import REFUSED, Flag, flags_of
from trilith.build.problems import Problem, why
from trilith.build.selection import FEATURES, Layer, Selection, merge
from trilith.build.spelling import nearest, suggest

COMMAND_LINE = "command line"
_ENABLE = "enable-"


@dataclass
class Words:
    """A command line, read."""

    layer: Layer
    rest: list[str] = field(default_factory=list)
    """Words that belong to no flag."""
    problems: list[Problem] = field(default_factory=list)


def read_words(words: Sequence[str], flags: Mapping[str, Flag]) -> Words:
    """Read ``--flag=value``, ``--flag value``, ``-v``, ``-j 4``, ``-j4``; flags may be cut short."""
    result = Words(Layer(COMMAND_LINE))
    queue = list(words)
    while queue:
        word = queue.pop(0)
        if word == "--":  # what follows is an old command line, whose flags mean the same
            continue
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            flag = _find(result, name, flags)
            if flag is None and not equals:
                _drop_value(nearest(name, flags), queue, flags)
            _take(result, flag, queue, value if equals else None)
        elif word.startswith("-") and len(word) > 1:
            short = next((flag for flag in flags.values() if flag.short == word[1]), None)
            if short is None:
                result.problems.append(Problem(f"unknown flag {word[:2]}"))
            else:
                _take(result, short, queue, word[2:] or None)
        else:
            result.rest.append(word)
    return result


def read_table(
    table: Mapping[str, object], origin: str, flags: Mapping[str, Flag]
) -> tuple[Layer, list[Problem]]:
    """Read a preset or a ``server.toml``: keys are the names of flags, switches are true or false."""
    layer, problems = Layer(origin), list[Problem]()
    for key, value in table.items():
        name = key if key in flags else key.replace("_", "-")
        flag = flags.get(name)
        if flag is None or flag.name in ("config", "dryrun"):
            problems.append(Problem("unknown key", origin, field=key, suggestion=suggest(name, flags)))
            continue
        values = value if isinstance(value, list) else [value]
        if isinstance(value, list) and not flag.repeats:
            problems.append(Problem("takes one value, found a list", origin, field=key))
        elif not flag.metavar and not isinstance(value, bool):
            problems.append(Problem(f"expected true or false, found {value!r}", origin, field=key))
        elif flag.metavar and not all(
            isinstance(item, str | int) and not isinstance(item, bool) for item in values
        ):
            problems.append(Problem(f"expected texts, found {value!r}", origin, field=key))
        else:
            _store_all(layer, flag, values)
    return layer, problems


def select(words: Sequence[str], catalogue: Catalogue) -> tuple[Selection, list[str], list[Problem]]:
    """Read a command line with the preset and the file that it names.

    Returns:
        the selection, words that belong to no flag, and all mistakes.
    """
    flags = flags_of(catalogue)
    parsed = read_words(words, flags)
    problems = parsed.problems
    layers: list[Layer] = []
    file = parsed.layer.last("config")
    table = _load(Path(file), problems) if file else {}
    preset = parsed.layer.last("preset") or str(table.get("preset", ""))
    if parsed.layer.last("enable-all") or table.get("enable-all") is True:
        preset = preset or "full"
    if preset:
        layers += _preset(preset, catalogue, flags, problems)
    if file:
        rest = {key: value for key, value in table.items() if key != "catalogue"}
        layer, found = read_table(rest, file, flags)
        layers.append(layer)
        problems += found
    return merge([*layers, parsed.layer], flags), parsed.rest, problems


def _preset(
    name: str, catalogue: Catalogue, flags: Mapping[str, Flag], problems: list[Problem]
) -> list[Layer]:
    preset = catalogue.presets.get(name)
    if preset is None:
        known = ", ".join(catalogue.presets)
        hint = suggest(name, catalogue.presets) or f"there are {known}"
        problems.append(Problem(f"there is no preset '{name}'", suggestion=hint))
        return []
    layer, found = read_table(
        {key: value for key, value in preset.items() if key != "help"}, f"preset {name}", flags
    )
    problems += found
    return [layer]


def _load(path: Path, problems: list[Problem]) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        problems.append(Problem(f"cannot be read: {why(error)}", str(path)))
        return {}


def _find(result: Words, name: str, flags: Mapping[str, Flag]) -> Flag | None:
    if name in flags:
        flag = flags[name]
        return flags[flag.stands_for] if flag.stands_for else flag
    if name in REFUSED:
        result.problems.append(Problem(f"--{name} {REFUSED[name]}"))
        return None
    longer = [flag for other, flag in flags.items() if name and other.startswith(name)]
    if len(longer) == 1:
        return longer[0]
    if longer:
        listed = ", ".join(f"--{flag.name}" for flag in longer)
        result.problems.append(Problem(f"--{name} may be any of {listed}; write it in full"))
    else:
        result.problems.append(_unknown(name, flags))
    return None


def _unknown(name: str, flags: Mapping[str, Flag]) -> Problem:
    known = [flag.removeprefix(_ENABLE) for flag in flags if flag.startswith(_ENABLE)]
    if name.startswith(_ENABLE) and known:
        feature = name.removeprefix(_ENABLE)
        hint = suggest(feature, known) or f"there are {', '.join(known)}"
        return Problem(f"--{name}: there is no feature '{feature}'", suggestion=hint)
    near = nearest(name, flags)
    return Problem(f"unknown flag --{name}", suggestion=f"did you mean --{near}?" if near else "")


def _drop_value(near: str, queue: list[str], flags: Mapping[str, Flag]) -> None:
    """Drop the word after a misspelt flag, where the one that was meant takes a value."""
    if near and flags[near].metavar and queue and not queue[0].startswith("-"):
        queue.pop(0)


def _take(result: Words, flag: Flag | None, queue: list[str], value: str | None) -> None:
    if flag is None:
        return
    if not flag.metavar:
        if value is not None:
            result.problems.append(Problem(f"--{flag.name} takes no value, found '{value}'"))
        _store_all(result.layer, flag, [True])
        return
    values = [] if value is None else [value]
    while len(values) < flag.words and queue and not queue[0].startswith("--"):
        values.append(queue.pop(0))
    if len(values) < flag.words:
        result.problems.append(Problem(f"--{flag.name} needs a value: --{flag.name}={flag.metavar}"))
        return
    _store_all(result.layer, flag, ["=".join(values)])


def _store_all(layer: Layer, flag: Flag, values: Sequence[object]) -> None:
    """Note values; ``--enable-NAME`` becomes a choice of the feature, so that each has one place."""
    for value in values:
        if flag.name.startswith(_ENABLE) and flag.name != "enable-all":
            feature = flag.name.removeprefix(_ENABLE)
            layer.add(FEATURES if value is True else "without", feature)
        elif value is not False:
            layer.add(flag.name, "true" if value is True else str(value))
