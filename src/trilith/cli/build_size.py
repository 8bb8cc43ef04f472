"""``trilith build size``: how large each brick is, and a gate."""

import sys
from collections.abc import Sequence
from pathlib import Path

from trilith.build.flags import Flag
from trilith.build.size import Size, measure, parse_size, show
from trilith.build.verifying.subject import open_subject
from trilith.cli.build_words import read

FLAGS = (
    Flag("max-size", "Exit with status 1 if the whole is larger.", metavar="SIZE"),
    Flag("packages", "Show Python packages too."),
)


def main(words: Sequence[str], catalogue: str) -> int:
    """Show how large a result or an image is."""
    given = read(words, FLAGS, takes=("DIR or IMAGE",))
    limit = parse_size(given.text("max-size")) if given.text("max-size") else None
    with open_subject(Path(given.rest[0]), catalogue=catalogue) as subject:
        size = measure(subject)
    _table(size, packages=given.has("packages"))
    if limit is not None and size.total > limit:
        over = show(size.total - limit)
        sys.stderr.write(
            f"trilith build: {show(size.total)} is {over} more than --max-size={given.text('max-size')}\n"
        )
        return 1
    return 0


def _table(size: Size, *, packages: bool) -> None:
    from rich import box  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table("brick", box=box.SIMPLE_HEAD)
    for title in ("files", "size", "share"):
        table.add_column(title, justify="right")
    for brick, bytes_ in size.bricks.items():
        share = f"{100 * bytes_ / size.total:.1f} %" if size.total else ""
        table.add_row(brick or "(nobody's)", str(size.files.get(brick, 0)), show(bytes_), share)
        if packages:
            for (owner, package), own in size.packages.items():
                if owner == brick and package:
                    table.add_row(f"  {package}", "", show(own), "", style="dim")
    table.add_row("all", str(sum(size.files.values())), show(size.total), "", style="bold")
    Console(highlight=False).print(table)
