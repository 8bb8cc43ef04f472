"""What may go wrong while a build is decided; everything that is wrong is reported together.

The builder has its own error so that it runs with the standard library alone: the server's contract brings
NumPy.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One mistake."""

    message: str
    """What is wrong: what was expected and what was found."""
    file: str = ""
    """The file it stands in; empty for the command line."""
    field: str = ""
    """The key or component."""
    suggestion: str = ""
    """What to do instead."""

    def __str__(self) -> str:
        """Render as one line: place, field, what is wrong, what to do."""
        text = ": ".join(part for part in (self.file, self.field, self.message) if part)
        return f"{text}; {self.suggestion}" if self.suggestion else text


def why(error: BaseException) -> str:
    """Say why something cannot be read, without the file's name and the system's number for it."""
    told = error.strerror.lower() if isinstance(error, OSError) and error.strerror else ""
    return told or str(error) or type(error).__name__


class BuildError(Exception):
    """A build cannot be as it was asked for, or did not work out.

    Attributes:
        problems: every mistake found.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Gather the problems; at least one."""
        self.problems = tuple(dict.fromkeys(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))
