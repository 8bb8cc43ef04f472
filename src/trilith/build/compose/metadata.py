"""What a smaller result says of itself: its manifest, its plan, and what Python knows of its packages."""

import csv
import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import PurePosixPath

from trilith.build.compose.cutting import Cut
from trilith.build.result import FORMAT, MANIFEST, PLAN, ResultFile, ResultManifest
from trilith.build.verifying.subject import Subject

ENTRY_POINTS = "entry_points.txt"
RECORD = "RECORD"


def rewritten(subject: Subject, made: Cut) -> dict[str, bytes]:
    """Return the files of the smaller result that are not as they were, by path."""
    changed: dict[str, bytes] = {}
    gone = {file.path for file in made.gone}
    for file in made.kept:
        place = PurePosixPath(file.path)
        if not place.parent.name.endswith(".dist-info") or file.link:
            continue
        before = (subject.root / file.path).read_bytes()
        after = before
        if place.name == ENTRY_POINTS:
            after = _entry_points(before, place.parent.parent, gone)
        elif place.name == RECORD:
            after = _record(before, place.parent.parent, gone)
        if after != before:
            changed[file.path] = after
    if subject.plan:
        changed[PLAN] = _plan(subject, made)
    manifest = manifest_of(subject, made, changed)
    told = {"format": FORMAT, **asdict(manifest)}
    changed[MANIFEST] = (json.dumps(told, indent=1, sort_keys=True) + "\n").encode()
    return changed


def manifest_of(subject: Subject, made: Cut, changed: Mapping[str, bytes]) -> ResultManifest:
    """Return the manifest of the smaller result."""
    files = tuple(_told(file, changed.get(file.path)) for file in made.kept)
    return replace(subject.manifest, files=files, bricks=made.bricks)


def _told(file: ResultFile, content: bytes | None) -> ResultFile:
    if content is None:
        return file
    return replace(file, sha256=hashlib.sha256(content).hexdigest(), size=len(content))


def _plan(subject: Subject, made: Cut) -> bytes:
    plan = dict(subject.plan)
    plan["parts"] = [part for part in plan.get("parts", ()) if part.get("key") not in made.dropped]
    plan["cut"] = list(made.dropped)
    return (json.dumps(plan, indent=1, sort_keys=True) + "\n").encode()


def _entry_points(text: bytes, packages: PurePosixPath, gone: set[str]) -> bytes:
    """Take out entry points whose modules go."""
    lines = []
    for line in text.decode("utf-8").splitlines(keepends=True):
        module = line.partition("=")[2].partition(":")[0].strip()
        place = (packages / module.replace(".", "/")).as_posix()
        if module and (f"{place}.py" in gone or f"{place}/__init__.py" in gone):
            continue
        lines.append(line)
    return "".join(lines).encode()


def _record(text: bytes, packages: PurePosixPath, gone: set[str]) -> bytes:
    """Take out files that go; what is rewritten loses its hash, which the format allows."""
    rows = list(csv.reader(io.StringIO(text.decode("utf-8"))))
    kept = []
    for row in rows:
        if row and (packages / row[0]).as_posix() not in gone:
            own = row[0].endswith(f".dist-info/{ENTRY_POINTS}")
            kept.append([row[0], "", ""] if own else row)
    if len([row for row in rows if row]) == len(kept):
        return text
    output = io.StringIO()
    csv.writer(output, lineterminator="\n").writerows(kept)
    return output.getvalue().encode()
