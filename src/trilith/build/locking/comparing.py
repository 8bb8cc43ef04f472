"""What moved between two locks."""

from collections.abc import Iterator
from dataclasses import asdict, fields

from trilith.build.locking.model import Lock
from trilith.build.locking.text import MAPPINGS, TABLES

# What names an item of each table; the rest is what may move.
_KEYS = {
    "debian": ("use", "name", "architecture"),
    "submodule": ("of", "path"),
    "wheel": ("use", "name"),
    "crate": ("name", "version"),
}
_PLAIN = ("name",)


def moved(before: Lock, now: Lock) -> list[str]:
    """Say what differs, one line each."""
    return list(_moved(before, now))


def _moved(before: Lock, now: Lock) -> Iterator[str]:
    for item in fields(Lock):
        old, new = getattr(before, item.name), getattr(now, item.name)
        if old == new:
            continue
        if item.name in TABLES:
            yield from _table(item.name, _keyed(item.name, old), _keyed(item.name, new))
        elif item.name in MAPPINGS:
            for key in sorted({*old, *new}):
                if old.get(key) != new.get(key):
                    yield f"{item.name} {key}: {_shown(old.get(key))} -> {_shown(new.get(key))}"
        else:
            yield f"{item.name}: {_shown(old)} -> {_shown(new)}"


def _table(table: str, old: dict[str, dict[str, object]], new: dict[str, dict[str, object]]) -> Iterator[str]:
    for key in sorted({*old, *new}):
        if key not in new:
            yield f"{table} {key} is gone"
        elif key not in old:
            yield f"{table} {key} is new"
        else:
            for name, value in old[key].items():
                if value != new[key][name]:
                    yield f"{table} {key}: {name} {_shown(value)} -> {_shown(new[key][name])}"


def _keyed(table: str, items: tuple[object, ...]) -> dict[str, dict[str, object]]:
    names = _KEYS.get(table, _PLAIN)
    told = [asdict(item) for item in items]  # type: ignore[call-overload]
    return {" ".join(str(item[name]) for name in names): item for item in told}


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "nothing"
    return str(value) if value not in (None, "") else "nothing"
