"""Words of a Dockerfile in which nothing means more than it says."""

from collections.abc import Mapping


def environment_lines(environment: Mapping[str, str], *, expand: bool = False) -> list[str]:
    """Return a line ``ENV`` for each variable."""
    return [f"ENV {name}={quote_word(value, expand=expand)}" for name, value in environment.items()]


def quote_word(text: str, *, expand: bool = False) -> str:
    """Quote for a Dockerfile; ``$`` stands for itself unless variables are meant."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' if expand else '"' + escaped.replace("$", "\\$") + '"'
