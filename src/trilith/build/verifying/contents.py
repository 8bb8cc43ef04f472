"""Files against the manifest, and bricks against the plan."""

from trilith.build.result import ABOUT, MANIFEST, digest_file, scan
from trilith.build.verifying.report import Report
from trilith.build.verifying.subject import Subject

CHECK = "contents"
# Enough to see what happened; a report of thousands of lines is read by nobody.
MAX_NAMED = 20


def check_contents(subject: Subject, report: Report) -> None:
    """Compare a result with what it says of itself."""
    if (subject.root / MANIFEST).is_file():
        _files(subject, report)
    else:
        report.note(CHECK, "there is no manifest: files were not compared", "build it with 'trilith build'")
    if subject.plan:
        _bricks(subject, report)
    else:
        report.note(CHECK, "there is no plan: what is there was not compared with what was asked for")


def _files(subject: Subject, report: Report) -> None:
    told = {file.path: file for file in subject.manifest.files}
    there = {file.path for file in scan(subject.root, {}, "")}
    changed = []
    for path, file in told.items():
        place = subject.root / path
        if (
            path in there and not file.link and not (place.is_file() and digest_file(place) == file.sha256)
        ) or (path in there and file.link and not place.is_symlink()):
            changed.append(path)
    advice = "build it again"
    _name(report, "is missing", [path for path in told if path not in there], advice)
    _name(report, "is not what the manifest says", changed, advice)
    grown = sorted(path for path in there - set(told) if not _is_cache(path))
    if grown:
        report.note(CHECK, f"{len(grown)} files are not in the manifest, such as {grown[0]}")
    if not changed and set(told) <= there:
        report.good(CHECK, f"{len(told)} files are as the manifest says")


def _bricks(subject: Subject, report: Report) -> None:
    there = set(subject.manifest.bricks)
    # What a result says of itself is the server's, and is there without it too.
    files = [file for file in subject.manifest.files if not file.path.startswith(f"{ABOUT}/")]
    strange = sorted({file.brick for file in files} - subject.parts - {""})
    for brick in strange:
        report.error(CHECK, f"{brick} has files in the result and is not in the plan", "build it again")
    chosen = {part["key"] for part in subject.plan.get("parts", ()) if part.get("chosen")}
    installed = {
        key
        for key in chosen
        if (part := subject.catalogue.components.get(key)) and (part.folder or part.install)
    }
    for key in sorted(installed - there):
        report.error(CHECK, f"{key} was chosen and is not in the result", "build it again")
    if not strange and installed <= there:
        report.good(CHECK, f"{len(there)} bricks, each in the plan")


def _name(report: Report, what: str, paths: list[str], advice: str) -> None:
    for path in paths[:MAX_NAMED]:
        report.error(CHECK, f"{path} {what}", advice)
    if len(paths) > MAX_NAMED:
        report.error(CHECK, f"{len(paths) - MAX_NAMED} more: {what}", advice)


def _is_cache(path: str) -> bool:
    """Say whether a file is what Python writes for itself when it runs."""
    return path.endswith(".pyc")
