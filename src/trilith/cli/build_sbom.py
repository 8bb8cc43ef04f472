"""``trilith build sbom``: a lock as a bill of materials."""

import sys
from collections.abc import Sequence
from pathlib import Path

from trilith.build.flags import Flag
from trilith.build.problems import BuildError, Problem
from trilith.build.result import LOCK, write_text
from trilith.build.sbom import CYCLONEDX, FORMS, Bill, read_bill, render
from trilith.build.spelling import suggest
from trilith.build.verifying.subject import open_subject
from trilith.cli.build_words import read

FLAGS = (
    Flag("format", "cyclonedx (1.6) or spdx (2.3), both JSON.", metavar="FORMAT"),
    Flag("output", "File to write; otherwise it is printed.", metavar="FILE"),
)


def main(words: Sequence[str], catalogue: str) -> int:
    """Tell what a result, an image or a lock is made from."""
    given = read(words, FLAGS, takes=("LOCK, DIR or IMAGE",))
    form = given.text("format", CYCLONEDX)
    if form not in FORMS:
        hint = suggest(form, FORMS) or f"there are {', '.join(FORMS)}"
        raise BuildError([Problem(f"--format={form}: there is no such format", suggestion=hint)])
    text = render(_bill(Path(given.rest[0]), catalogue), form)
    if given.text("output"):
        write_text(Path(given.text("output")), text)
    else:
        sys.stdout.write(text)
    return 0


def _bill(path: Path, catalogue: str) -> Bill:
    if path.is_file() and path.suffix in (".lock", ".toml"):
        return _read(path)
    with open_subject(path, catalogue=catalogue) as subject:
        return _read(subject.root / LOCK)


def _read(path: Path) -> Bill:
    try:
        return read_bill(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise BuildError([Problem(f"cannot be read: {error.strerror or error}", str(path))]) from error
