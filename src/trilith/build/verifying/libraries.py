"""The shared-library closure of a result, by reading ELF files; nothing is run, so any machine can do it."""

from collections import defaultdict
from collections.abc import Collection

from trilith.build.binaries import Closure, Missing, Tree, close, is_binary
from trilith.build.catalogue.libraries import owner_of
from trilith.build.verifying.report import Report
from trilith.build.verifying.subject import Subject

CHECK = "libraries"
MAX_USERS = 3


def check_libraries(subject: Subject, system: Tree, report: Report) -> None:
    """Follow all that the executables and libraries of a result need."""
    files = [subject.root / file.path for file in subject.manifest.files if not file.link]
    binaries = [path for path in files if is_binary(path)]
    folders = [
        text.replace("{root}", subject.inside(subject.root))
        for text in subject.catalogue.serving.environment.get("LD_LIBRARY_PATH", "").split(":")
        if text
    ]
    command = subject.catalogue.serving.command
    program = subject.root / "bin" / command[0] if command else subject.root
    closure = close(
        system, binaries, subject.machine, folders=folders, loader=program if is_binary(program) else None
    )
    server = _of_the_server(subject, closure, report)
    closure.missing = [item for item in closure.missing if item.library not in server]
    _tell(closure, subject.facts, report)
    if not list(report.errors(CHECK)):
        outside = sum(not path.startswith(subject.inside(subject.root)) for path in closure.libraries)
        report.good(CHECK, f"{len(binaries)} executables and libraries; {outside} more come from the system")


def _of_the_server(subject: Subject, closure: Closure, report: Report) -> set[str]:
    """Name what a result without the server lacks, and the server brings."""
    main = subject.catalogue.components.get(subject.catalogue.head.main)
    if main is None or main.key in subject.parts:
        return set()
    brought = {copy.path.rpartition("/")[2] for copy in main.install}
    found = brought & {item.library for item in closure.missing}
    for library in sorted(found):
        message = f"{library} is not here: {main.key} brings it, which is not part of the result"
        report.note(CHECK, message, "lay the result into an installation that has it")
    return found


def _tell(closure: Closure, facts: Collection[str], report: Report) -> None:
    missing: dict[str, list[Missing]] = defaultdict(list)
    for item in closure.missing:
        missing[item.library].append(item)
    for library, items in sorted(missing.items()):
        owner = owner_of(library)
        advice = str(owner) if owner else f"it was looked for in {', '.join(items[0].searched)}"
        if owner and owner.elsewhere(facts):
            report.note(CHECK, f"{library} is not here: {_users([item.needed_by for item in items])}", advice)
        else:
            report.error(CHECK, f"{library} is missing: {_users([item.needed_by for item in items])}", advice)
    versions: dict[tuple[str, str], list[str]] = defaultdict(list)
    for old in closure.outdated:
        versions[old.found, old.version].append(old.needed_by)
    for (found, version), users in sorted(versions.items()):
        advice = (
            f"run it on a system whose {found.rpartition('/')[2]} has {version}, or build it on an older one"
        )
        report.error(CHECK, f"{found} is older than {version}: {_users(users)}", advice)
    for text in closure.damaged:
        report.error(CHECK, text, "build it again")
    for text in closure.foreign:
        report.error(CHECK, f"{text}, and this is a result for another machine", "build it again")


def _users(users: list[str]) -> str:
    shown = ", ".join(users[:MAX_USERS])
    more = f" and {len(users) - MAX_USERS} more" if len(users) > MAX_USERS else ""
    return f"{shown}{more} need{'s' if len(users) == 1 else ''} it"
