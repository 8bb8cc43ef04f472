"""``trilith build image``: a result as an image, without an engine."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from trilith.build.flags import Flag
from trilith.build.image import Destination
from trilith.build.image.publishing import open_base, publish
from trilith.build.problems import BuildError, Problem
from trilith.build.result import LOCK, digest_file
from trilith.build.sbom import Material, read_bill
from trilith.build.store import default_store
from trilith.build.verifying.subject import Subject, open_subject
from trilith.cli.build_words import read

FLAGS = (
    Flag("output", "Where the image goes.", metavar="oci:FOLDER or docker-archive:FILE"),
    Flag(
        "base",
        "What it stands on: 'packages' for the locked Debian packages (the default), packages:FOLDER, a root "
        "folder, an OCI layout, or none.",
        metavar="BASE",
    ),
    Flag("store", "Where the locked packages lie.", metavar="FOLDER"),
)


def main(words: Sequence[str], catalogue: str) -> int:
    """Write an image of a result and print its digest."""
    given = read(words, FLAGS, takes=("DIR",))
    if not given.text("output"):
        raise BuildError([Problem("--output is missing", suggestion="write --output=oci:FOLDER")])
    destination = Destination.parse(given.text("output"))
    store = Path(given.text("store")) if given.text("store") else default_store()
    with open_subject(Path(given.rest[0]), catalogue=catalogue) as subject:
        base = open_base(given.text("base", "packages"), lambda: locked_packages(subject, store))
        sys.stdout.write(f"{publish(subject, destination, base)}\n")
    return 0


def locked_packages(subject: Subject, store: Path) -> list[Path]:
    """Return the Debian packages that the lock of a result names, from a store.

    Raises:
        BuildError: the result has no lock, the lock names none, or the store lacks some; all are named.
    """
    bill = read_bill(_lock_of(subject), str(subject.root / LOCK))
    packages = [
        item for item in bill.materials if item.kind == "debian" and item.hash and not item.builds_only
    ]
    if not packages:
        hint = "name a base with --base=FOLDER or --base=oci:FOLDER"
        message = "its lock names no Debian packages to stand on"
        raise BuildError([Problem(message, str(subject.place), suggestion=hint)])
    places = {item: store / "blobs" / item.hash for item in packages}
    problems = [problem for item, place in places.items() for problem in _check(item, place)]
    if problems:
        raise BuildError(problems)
    return list(places.values())


def _lock_of(subject: Subject) -> str:
    try:
        return (subject.root / LOCK).read_text(encoding="utf-8")
    except OSError as error:
        hint = "name a base with --base=FOLDER or --base=oci:FOLDER"
        raise BuildError([Problem("has no lock", str(subject.place), suggestion=hint)]) from error


def _check(item: Material, place: Path) -> Iterator[Problem]:
    hint = "fetch it with trilith build fetch"
    if not place.is_file():
        yield Problem(f"{item.name} {item.version} is not in the store", str(place), suggestion=hint)
    elif digest_file(place) != item.hash:
        yield Problem(f"{item.name} {item.version} is not what the lock says", str(place), suggestion=hint)
