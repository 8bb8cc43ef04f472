"""``trilith bricks``: what is installed, from the manifests alone."""

import sys
from collections.abc import Sequence

HELP = """\
List the bricks that are installed: backends and other parts that the server finds by name.

Usage:
    trilith bricks"""


def main(words: Sequence[str]) -> int:
    """Run ``trilith bricks``; 1 if an installed brick cannot be used."""
    if words:
        wants_help = words[0] in ("-h", "--help")
        target = sys.stdout if wants_help else sys.stderr
        target.write(f"{HELP}\n" if wants_help else f"trilith bricks: unexpected argument '{words[0]}'\n")
        return 0 if wants_help else 2
    from trilith.runtime.bricks import discover  # noqa: PLC0415  not for --help
    from trilith.server.report import draw_table  # noqa: PLC0415

    catalogue = discover()
    rows = [
        (
            brick.manifest.name,
            str(brick.manifest.kind),
            ", ".join(brick.manifest.python_requirements) or "-",
            f"{brick.manifest.size_megabytes:g} MB",
            brick.manifest.description,
        )
        for brick in catalogue.bricks
    ]
    sys.stdout.write(draw_table(("Brick", "Kind", "Requires", "Size", "What it is"), rows) + "\n")
    for problem in catalogue.problems:
        sys.stderr.write(f"{problem}\n")
    return 1 if catalogue.problems else 0
