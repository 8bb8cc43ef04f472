"""What was found, each with what to do about it."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    GOOD = "good"
    NOTE = "note"
    ERROR = "error"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    check: str
    """``contents``, ``libraries``, ``imports``, ``serving``."""
    message: str
    suggestion: str = ""

    def __str__(self) -> str:
        """Render as one line."""
        return f"{self.message}; {self.suggestion}" if self.suggestion else self.message


@dataclass
class Report:
    """All findings, in the order in which they were made."""

    subject: str
    findings: list[Finding] = field(default_factory=list)

    def good(self, check: str, message: str) -> None:
        """Note what is as it must be."""
        self.findings.append(Finding(Level.GOOD, check, message))

    def note(self, check: str, message: str, suggestion: str = "") -> None:
        """Note what is worth knowing, or could not be looked at."""
        self.findings.append(Finding(Level.NOTE, check, message, suggestion))

    def error(self, check: str, message: str, suggestion: str = "") -> None:
        """Note what is wrong."""
        self.findings.append(Finding(Level.ERROR, check, message, suggestion))

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not any(self.errors())

    def errors(self, check: str = "") -> Iterator[Finding]:
        """Yield what is wrong, of one check or of all."""
        return (item for item in self.findings if item.level is Level.ERROR and check in ("", item.check))

    def json(self) -> str:
        """Render for other programs."""
        told = {
            "subject": self.subject,
            "passed": self.passed,
            "findings": [asdict(item) for item in self.findings],
        }
        return json.dumps(told, indent=1) + "\n"
