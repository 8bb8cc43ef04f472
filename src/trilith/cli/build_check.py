"""``trilith build verify``."""

import sys
from collections.abc import Sequence
from pathlib import Path

from trilith.build.flags import Flag
from trilith.build.verifying import Level, Report, verify
from trilith.cli.build_words import read

FLAGS = (
    Flag("static", "Read only: start nothing, import nothing."),
    Flag("base", "Root of the system that a folder will run on; this machine otherwise.", metavar="FOLDER"),
    Flag("json", "Tell it to other programs."),
    Flag("quiet", "Say what is wrong and nothing else.", short="q"),
)
_MARKS = {Level.GOOD: ("✓", "green"), Level.NOTE: ("·", "yellow"), Level.ERROR: ("✗", "red")}


def main(words: Sequence[str], catalogue: str) -> int:
    """Verify a result or an image: exit status 0 if nothing is wrong, 1 otherwise."""
    given = read(words, FLAGS, takes=("DIR or IMAGE",))
    base = Path(given.text("base")) if given.text("base") else None
    report = verify(given.rest[0], run=not given.has("static"), catalogue=catalogue, base=base)
    if given.has("json"):
        sys.stdout.write(report.json())
    else:
        show(report, quiet=given.has("quiet"))
    return 0 if report.passed else 1


def show(report: Report, *, quiet: bool = False) -> None:
    """Print a report for people."""
    from rich.console import Console  # noqa: PLC0415  not for --json
    from rich.text import Text  # noqa: PLC0415

    console = Console(highlight=False, soft_wrap=True)
    for finding in report.findings:
        mark, colour = _MARKS[finding.level]
        if not quiet or finding.level is Level.ERROR:
            console.print(Text.assemble((f"{mark} ", colour), (f"{finding.check}: ", "bold"), str(finding)))
    if not (quiet and report.passed):
        console.print(Text(f"{report.subject}: {_verdict(report)}"))


def _verdict(report: Report) -> str:
    errors = sum(1 for _ in report.errors())
    notes = sum(finding.level is Level.NOTE for finding in report.findings)
    if errors:
        return f"{_count(errors)} wrong"
    return f"nothing is wrong, and {_count(notes)} noted" if notes else "everything is as it must be"


def _count(number: int) -> str:
    return f"{number} thing{' is' if number == 1 else 's are'}"
