"""What may go wrong, and whose fault it is.

::

    TrilithError
    ├── ModelError           a model refuses or fails a request; carries the code that clients see
    ├── LoadError            a model cannot be loaded; the reason ends up in the repository index
    └── ConfigurationError   what was configured cannot be; holds every problem found, not only the first
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class ErrorCode(StrEnum):
    """What kind of failure; HTTP status and gRPC code follow from it in one table, in the native core."""

    UNKNOWN = "UNKNOWN"
    INTERNAL = "INTERNAL"
    NOT_FOUND = "NOT_FOUND"
    INVALID_ARG = "INVALID_ARG"
    UNAVAILABLE = "UNAVAILABLE"
    UNSUPPORTED = "UNSUPPORTED"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    CANCELLED = "CANCELLED"


class TrilithError(Exception):
    """The root of every error that Trilith raises on purpose."""


class ModelError(TrilithError):
    """A model refuses or fails a request.

    Attributes:
        code: what clients see.
    """

    def __init__(self, message: str, code: ErrorCode = ErrorCode.INTERNAL) -> None:
        """Say what happened, in words for the client."""
        super().__init__(message)
        self.code = code


class LoadError(TrilithError):
    """A model cannot be loaded."""


@dataclass(frozen=True)
class Problem:
    """One mistake in a configuration."""

    message: str
    """What is wrong: what was expected and what was found."""
    file: str = ""
    """The file it stands in; empty where there is none (the command line)."""
    line: int = 0
    """Line in that file, counted from 1; 0 where it is not known."""
    field: str = ""
    """The field, as a path: ``input[0].dims``."""
    suggestion: str = ""
    """What to write instead."""

    def __str__(self) -> str:
        """Render as one line: place, field, what is wrong, what to do."""
        place = f"{self.file}:{self.line}" if self.file and self.line else self.file
        parts = [part for part in (place, self.field, self.message) if part]
        text = ": ".join(parts)
        return f"{text}; {self.suggestion}" if self.suggestion else text


class ConfigurationError(TrilithError):
    """What was configured cannot be.

    Attributes:
        problems: every mistake found, in the order of the file.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Gather the problems; at least one."""
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)
