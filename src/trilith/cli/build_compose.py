"""``trilith build compose``: a smaller server, cut out of one that is there already."""

import sys
from collections.abc import Sequence
from pathlib import Path

from trilith.build.compose import Cut, compose, cut
from trilith.build.compose.cutting import KINDS
from trilith.build.flags import Flag
from trilith.build.problems import BuildError, Problem
from trilith.build.size import show
from trilith.build.verifying.subject import open_subject
from trilith.cli.build_words import read

FLAGS = (
    Flag(
        "from",
        "The larger server: a result, an installation, an OCI layout, an archive for docker load.",
        metavar="DIR or IMAGE",
    ),
    Flag("output", "Where the smaller one goes.", metavar="FOLDER, oci:FOLDER or docker-archive:FILE"),
    *(Flag(kind, f"A {kind} that stays.", metavar="NAME", separator="") for kind in KINDS),
    Flag("dryrun", "Say what would stay and what would go."),
)


def main(words: Sequence[str], catalogue: str) -> int:
    """Cut a smaller server out of a larger one."""
    given = read(words, FLAGS)
    source, output = given.text("from"), given.text("output")
    missing = [
        name
        for name in ("from", "output")
        if not given.text(name) and not (name == "output" and given.has("dryrun"))
    ]
    if missing:
        raise BuildError([Problem(f"--{name} is missing") for name in missing])
    with open_subject(Path(source), catalogue=catalogue) as subject:
        made = cut(subject, {kind: given.all(kind) for kind in KINDS})
        _tell(made)
        if not given.has("dryrun"):
            sys.stdout.write(f"{compose(subject, made, output)}\n")
    return 0


def _tell(made: Cut) -> None:
    for brick in made.dropped:
        own = [file for file in made.gone if file.brick == brick]
        sys.stderr.write(f"cut {brick}: {len(own)} files, {show(sum(file.size for file in own))}\n")
    for path, user in made.rescued.items():
        sys.stderr.write(f"kept {path}: needed by {user}\n")
    before = sum(file.size for file in (*made.kept, *made.gone))
    after = sum(file.size for file in made.kept)
    sys.stderr.write(f"{show(before)} before, {show(after)} after\n")
