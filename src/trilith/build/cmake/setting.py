"""The commands of CMake that give variables their texts, as far as addresses are put together with them."""

import re
from collections.abc import Callable, Sequence

from trilith.build.cmake.values import UNKNOWN, Argument, Frame, Values, joined, known

_WITHOUT_LIST = ("CACHE", "PARENT_SCOPE", "FORCE")
_GROUP = re.compile(r"\\(\d)")


def assign(name: str, given: Sequence[Argument], here: Frame) -> bool:
    """Run a command that sets variables.

    Returns:
        whether it is one.
    """
    run = _COMMANDS.get(name)
    if run is None or not given:
        return run is not None
    run(given, here)
    return True


def _set(given: Sequence[Argument], here: Frame) -> None:
    name, rest = given[0].one, [item.one for item in given[1:]]
    values = given[1:]
    for word in _WITHOUT_LIST:
        if word in rest:
            values = values[: rest.index(word)]
            rest = rest[: rest.index(word)]
    told = joined((item.values for item in values), ";")
    words = [item.one for item in given]
    if "CACHE" in words:
        if "FORCE" in words or not here.scope.get(name):
            here.scope.cache[name] = told
        return
    here.put(name, told, outside="PARENT_SCOPE" in words)


def _option(given: Sequence[Argument], here: Frame) -> None:
    if not here.scope.get(given[0].one):
        here.scope.cache[given[0].one] = (
            given[2].values if len(given) > len(("name", "help")) else known("OFF")
        )


def _unset(given: Sequence[Argument], here: Frame) -> None:
    here.put(given[0].one, known(""))


def _string(given: Sequence[Argument], here: Frame) -> None:
    kind, rest = given[0].one, list(given[1:])
    if kind == "REGEX" and rest:
        kind, rest = f"REGEX {rest[0].one}", rest[1:]
    if kind in ("APPEND", "PREPEND") and rest:
        before = here.scope.get(rest[0].one) or known("")
        more = [item.values for item in rest[1:]]
        told = joined([before, *more] if kind == "APPEND" else [*more, before])
        here.put(rest[0].one, told)
        return
    place, make = _TEXTS.get(kind, (None, None))
    if make is None or place is None or len(rest) <= place:
        return
    name = rest.pop(place).one
    here.put(name, make([item.values for item in rest]))


def _list(given: Sequence[Argument], here: Frame) -> None:
    kind, rest = given[0].one, given[1:]
    if kind in ("APPEND", "PREPEND") and rest:
        before = here.scope.get(rest[0].one)
        items = [item.values for item in rest[1:]]
        have = [before] if before and before != known("") else []
        told = joined([*have, *items] if kind == "APPEND" else [*items, *have], ";")
        here.put(rest[0].one, told)
    elif kind == "JOIN" and len(rest) == len(("list", "glue", "result")):
        told = frozenset(text.replace(";", rest[1].one) for text in here.scope.get(rest[0].one))
        here.put(rest[2].one, told)
    elif kind == "GET" and len(rest) == len(("list", "index", "result")):
        here.put(rest[2].one, _item(here.scope.get(rest[0].one), rest[1].one))


def _item(lists: Values, index: str) -> Values:
    try:
        return frozenset(text.split(";")[int(index)] for text in lists)
    except (ValueError, IndexError):
        return UNKNOWN


def _replace(parts: Sequence[Values]) -> Values:
    old, new, *texts = parts
    return frozenset(text.replace(a, b) for a in old for b in new for text in joined(texts) if a)


def _regex(parts: Sequence[Values]) -> Values:
    pattern, new, *texts = parts
    try:
        return frozenset(
            re.sub(a, _GROUP.sub(r"\\g<\1>", b), text) for a in pattern for b in new for text in joined(texts)
        )
    except (re.error, IndexError):
        return UNKNOWN


def _join(parts: Sequence[Values]) -> Values:
    glue, *texts = parts
    return frozenset(text for one in glue for text in joined(texts, one))


def _each(change: Callable[[str], str]) -> Callable[[Sequence[Values]], Values]:
    return lambda parts: frozenset(change(text) for text in joined(parts))


# Kind of `string(...)`, where the name of its result stands after it, and what it makes of the rest.
_TEXTS: dict[str, tuple[int, Callable[[Sequence[Values]], Values]]] = {
    "CONCAT": (0, joined),
    "JOIN": (1, _join),
    "REPLACE": (2, _replace),
    "REGEX REPLACE": (2, _regex),
    "TOLOWER": (1, _each(str.lower)),
    "TOUPPER": (1, _each(str.upper)),
    "STRIP": (1, _each(str.strip)),
}
_COMMANDS: dict[str, Callable[[Sequence[Argument], Frame], None]] = {
    "set": _set,
    "option": _option,
    "unset": _unset,
    "string": _string,
    "list": _list,
}
