"""Which catalogue a ``server.toml`` speaks of."""

import tomllib
from collections.abc import Sequence
from pathlib import Path

OWN = "trilith"
_FLAG = "--config"


def named_catalogue(words: Sequence[str]) -> str:
    """Return the catalogue that the file behind ``--config`` names, or this server's own."""
    for word, following in zip(words, [*words[1:], ""], strict=False):
        name, equals, value = word.partition("=")
        if name == _FLAG:
            return _of_file(Path(value if equals else following))
    return OWN


def _of_file(path: Path) -> str:
    try:
        named = tomllib.loads(path.read_text(encoding="utf-8")).get("catalogue", OWN)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return OWN  # the file is read again where its mistakes are reported
    return str(named)
