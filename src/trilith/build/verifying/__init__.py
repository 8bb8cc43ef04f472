"""Whether a result holds all it needs, and does what its plan says.

- `trilith.build.verifying.report`: findings
- `trilith.build.verifying.subject`: what is verified
- `trilith.build.verifying.contents`: files against the manifest, bricks against the plan
- `trilith.build.verifying.libraries`: shared libraries, by reading
- `trilith.build.verifying.imports`: Python modules, by reading and by importing
- `trilith.build.verifying.process`: a server, started from the result
- `trilith.build.verifying.asking`: what it answers, by protocol
- `trilith.build.verifying.serving`: what it says of itself, and one inference through each endpoint
"""

from pathlib import Path

from trilith.build.binaries import Tree
from trilith.build.verifying.contents import check_contents
from trilith.build.verifying.imports import check_imports
from trilith.build.verifying.libraries import check_libraries
from trilith.build.verifying.report import Finding, Level, Report
from trilith.build.verifying.serving import check_serving
from trilith.build.verifying.subject import Subject, open_subject

__all__ = ["Finding", "Level", "Report", "Subject", "open_subject", "verify", "verify_subject"]


def verify(path: Path | str, *, run: bool = True, catalogue: str = "", base: Path | None = None) -> Report:
    """Verify a result: a folder, an OCI layout or an archive for ``docker load``.

    Args:
        path: what to verify.
        run: whether to start the server and ask it.
        catalogue: the catalogue it was built from, where it does not say.
        base: the root of the system that a folder will run on; this machine otherwise.

    Raises:
        BuildError: it cannot be read at all.
    """
    with open_subject(Path(path), catalogue=catalogue, base=base) as subject:
        return verify_subject(subject, run=run)


def verify_subject(subject: Subject, *, run: bool) -> Report:
    """Verify what was opened."""
    report = Report(str(subject.place))
    check_contents(subject, report)
    check_libraries(subject, Tree(subject.system), report)
    check_imports(subject, report, run=run)
    if run:
        check_serving(subject, report)
    else:
        report.note("serving", "the server was not started: only reading was asked for")
    return report
