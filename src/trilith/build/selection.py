"""What was chosen, and where each choice was made: presets, a file, the command line."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from trilith.build.flags import Flag

NAMED_KINDS = ("backend", "endpoint", "repoagent", "cache", "filesystem")
"""Kinds of components that flags of the same name choose."""
FEATURES = "enable"


@dataclass(frozen=True)
class Choice:
    """A value and where it came from."""

    value: str
    origin: str
    """``command line``, ``server.toml``, ``preset cpu``, ``default``."""


@dataclass
class Layer:
    """What one place says, in its order."""

    origin: str
    choices: list[tuple[str, str]] = field(default_factory=list)
    """Name of the flag and value; ``true`` for a switch."""

    def add(self, name: str, value: str = "true") -> None:
        """Note a choice."""
        self.choices.append((name, value))

    def last(self, name: str) -> str:
        """Return the value of a flag that does not repeat; empty if it is not there."""
        return next((value for key, value in reversed(self.choices) if key == name), "")


@dataclass(frozen=True)
class Selection:
    """All choices, later places before earlier ones; by flag."""

    choices: Mapping[str, tuple[Choice, ...]] = field(default_factory=dict)

    def all(self, name: str) -> tuple[Choice, ...]:
        """Return every choice of a flag."""
        return self.choices.get(name, ())

    def one(self, name: str) -> Choice | None:
        """Return the choice of a flag that does not repeat."""
        return next(iter(self.choices.get(name, ())), None)

    def text(self, name: str, default: str = "") -> str:
        """Return the value of a flag that does not repeat."""
        choice = self.one(name)
        return choice.value if choice else default

    def has(self, name: str) -> bool:
        """Say whether a switch is on."""
        return self.text(name) == "true"


def merge(layers: Iterable[Layer], flags: Mapping[str, Flag]) -> Selection:
    """Put layers on top of one another: the last one wins, by name where a flag repeats."""
    merged: dict[str, dict[str, Choice]] = {}
    for layer in layers:
        for name, value in layer.choices:
            flag = flags.get(name)
            place = merged.setdefault(name, {})
            key = _key(flag, value) if flag and flag.repeats else ""
            place[key] = Choice(value, layer.origin)
        _take_out(layer, merged)
    return Selection({name: tuple(place.values()) for name, place in merged.items()})


def split(value: str, separator: str) -> tuple[str, str]:
    """Split ``NAME[SEPARATOR]REST``; ``REST`` is empty where it is missing."""
    name, _, rest = value.partition(separator)
    return name, rest


def _key(flag: Flag, value: str) -> str:
    return split(value, flag.separator)[0] if flag.separator else value


def _take_out(layer: Layer, merged: dict[str, dict[str, Choice]]) -> None:
    """Apply what a place says with ``--without``; a later one may choose it again."""
    for name in (value for flag, value in layer.choices if flag == "without"):
        kind, _, short = name.rpartition(".")
        for flag in (*NAMED_KINDS, FEATURES):
            if kind in ("", flag, {FEATURES: "feature"}.get(flag)):
                merged.get(flag, {}).pop(short, None)
