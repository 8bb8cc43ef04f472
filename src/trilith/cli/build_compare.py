"""``trilith build diff``: what differs between two builds or two locks."""

import sys
from collections.abc import Sequence
from pathlib import Path

from trilith.build.diff import diff
from trilith.build.flags import Flag
from trilith.build.size import show
from trilith.cli.build_words import read

FLAGS = (Flag("no-files", "Leave out single files."),)


def main(words: Sequence[str], catalogue: str) -> int:
    """Compare: exit status 0 if nothing differs, 1 otherwise."""
    given = read(words, FLAGS, takes=("A", "B"))
    before, after = map(Path, given.rest)
    found = diff(before, after, catalogue=catalogue)
    for difference in found:
        if difference.kind != "file" or not given.has("no-files"):
            sys.stdout.write(f"{difference}\n")
    files = [difference for difference in found if difference.kind == "file"]
    if files:
        size = sum(difference.size for difference in files)
        sign = "-" if size < 0 else "+"
        sys.stdout.write(f"{len(files)} files differ, {sign}{show(abs(size))}\n")
    return 1 if found else 0
