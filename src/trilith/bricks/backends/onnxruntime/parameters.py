"""Reads a model's parameters and the settings of the backend, gathering every mistake."""

from collections.abc import Mapping, Sequence
from typing import Any

_TRUE = ("1", "true", "on")
_FALSE = ("0", "false", "off")


class ParameterReader:
    """Reads values out of texts.

    Attributes:
        problems: what was wrong with those read so far.
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        """Read from these."""
        self._texts = texts
        self.problems: list[str] = []

    def read_text(self, key: str, default: str = "") -> str:
        """Return the text as it stands."""
        return self._texts.get(key, default)

    def read_integer(self, key: str, default: int = 0) -> int:
        """Return a whole number of 0 or more."""
        text = self._texts.get(key)
        if text is None:
            return default
        if not text.strip().isdecimal():
            self.problems.append(f"parameter '{key}' is '{text}', expected a whole number of 0 or more")
            return default
        return int(text)

    def read_choice(self, key: str, choices: Sequence[str]) -> str:
        """Return the choice that a number stands for; the first where none is given."""
        number = self.read_integer(key)
        if number < len(choices):
            return choices[number]
        meanings = ", ".join(f"{index} ({choice})" for index, choice in enumerate(choices))
        self.problems.append(f"parameter '{key}' is '{self._texts[key]}', expected one of {meanings}")
        return choices[0]

    def read_switch(self, key: str) -> bool | None:
        """Return whether it is switched on, ``None`` where that is not said."""
        text = self._texts.get(key)
        if text is None:
            return None
        word = text.strip().lower()
        if word not in _TRUE + _FALSE:
            self.problems.append(f"parameter '{key}' is '{text}', expected 1 or 0")
        return word in _TRUE

    def read_prefixed(self, prefix: str) -> tuple[tuple[str, str], ...]:
        """Return every key of that prefix with its text, sorted."""
        return tuple(sorted((key, text) for key, text in self._texts.items() if key.startswith(prefix)))


def flatten_parameters(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the texts of ``parameters { key value { string_value } }`` of a model configuration."""
    entries: Mapping[str, Mapping[str, Any]] = document.get("parameters", {})
    return {key: str(value.get("string_value", "")) for key, value in entries.items()}
