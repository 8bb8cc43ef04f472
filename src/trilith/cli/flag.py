"""What is said of one flag."""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from trilith.cli.values import Kind


class Standing(Enum):
    """What a flag does here."""

    USED = "used"
    IDLE = "idle"
    """Accepted, so that command lines carry over; nothing here depends on it."""
    LATER = "later"
    """Known, and refused unless its value asks for nothing: silence would promise what is not there."""


@dataclass(frozen=True)
class Flag:
    """One flag."""

    name: str
    """Without dashes; also its name among the values, with underscores."""
    group: str
    kind: Kind
    text: str = ""
    default: Any = None
    repeats: bool = False
    standing: Standing = Standing.USED
    off: tuple[str, ...] = ()
    """For a flag that comes later: values, in lower case, that ask for nothing."""
    alias_of: str = ""
    deprecated: str = ""
    """What to use instead."""

    @property
    def key(self) -> str:
        """Name of its value."""
        return (self.alias_of or self.name).replace("-", "_")
