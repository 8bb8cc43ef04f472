"""What a tree of processes has used, read from /proc."""

import os
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Status:
    """The fields of one /proc/PID/stat that are wanted here (see proc(5))."""

    pid: int
    parent: int
    group: int
    ticks: int
    resident_pages: int


def parse_status(text: str) -> Status:
    """Read one line of /proc/PID/stat.

    The ticks are user and system time of the process, and of its children that have exited and
    were waited for: a worker that ends within a measurement is still counted.
    """
    # The second field is the program's name in parentheses and may itself hold blanks and parentheses.
    head, _, tail = text.rpartition(")")
    fields = tail.split()
    return Status(
        pid=int(head.split(" ", 1)[0]),
        parent=int(fields[1]),
        group=int(fields[2]),
        ticks=sum(int(field) for field in fields[11:15]),
        resident_pages=int(fields[21]),
    )


def members(statuses: list[Status], root: int) -> list[Status]:
    """Pick the process `root`, its descendants, and all of its process group.

    The group catches a worker whose parent has gone: servers are started as leaders of one.
    """
    wanted = {root} | {status.pid for status in statuses if status.group == root}
    grown = True
    while grown:
        children = {status.pid for status in statuses if status.parent in wanted}
        grown = not children <= wanted
        wanted |= children
    return [status for status in statuses if status.pid in wanted]


def tree(root: int) -> list[Status]:
    """Find the members of the tree of `root` as they stand now."""
    statuses = []
    for directory in PROC.iterdir():
        if not directory.name.isdigit():
            continue
        try:
            text = (directory / "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):  # it ended between the listing and the reading
            continue
        statuses.append(parse_status(text))
    return members(statuses, root)


def cpu_seconds(root: int) -> float:
    """User and system time that the tree has used since its start."""
    return sum(status.ticks for status in tree(root)) / TICKS_PER_SECOND


def resident_bytes(root: int) -> int:
    """Resident memory of the tree, each process counted in full, shared pages included."""
    return sum(status.resident_pages for status in tree(root)) * PAGE_BYTES
