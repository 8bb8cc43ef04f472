"""``trilith build doctor``: what this machine has for a build, and what it lacks."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from trilith.build.catalogue import OWN, load
from trilith.build.doctor import Sight, examine, reach
from trilith.build.flags import Flag
from trilith.build.mirrors import read as read_mirrors
from trilith.cli.build_words import read

FLAGS = (
    Flag("build-dir", "Folder that would be built in.", metavar="FOLDER"),
    Flag(
        "mirrors", "Rules whose mirrors are asked whether they are there; uses the network.", metavar="FILE"
    ),
)


def main(words: Sequence[str], catalogue: str) -> int:
    """Look at this machine: exit status 0 if a build can start, 1 if something is missing."""
    given = read(words, FLAGS)
    found = examine(load(catalogue or OWN), Path(given.text("build-dir", "build")))
    if given.text("mirrors"):
        found += reach(read_mirrors(Path(given.text("mirrors"))))
    _show(found)
    return 1 if any(sight.lacks for sight in found) else 0


def _show(found: list[Sight]) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(highlight=False, soft_wrap=True)
    for topic, sights in groupby(found, key=lambda sight: sight.topic):
        console.print(Text(topic, style="bold"))
        for sight in sights:
            mark, colour = (
                ("✓", "green") if sight.found else ("✗", "red") if sight.needed else ("·", "yellow")
            )
            told = sight.found or ("missing" if sight.needed else "not here")
            console.print(
                Text.assemble(
                    (f"  {mark} ", colour), f"{sight.name}: {told}", (f"  ({sight.purpose})", "dim")
                )
            )
    lacking = [sight.name for sight in found if sight.lacks]
    console.print(
        Text(f"missing: {', '.join(lacking)}" if lacking else "nothing that a build needs is missing")
    )
