import os

from benchmarks import processes
from benchmarks.processes import Status, members, parse_status

STAT = (
    "42 (a (b) c) S 1 40 7 0 -1 4194304 100 0 0 0 "
    "11 22 33 44 20 0 1 0 12345 1000000 555 18446744073709551615 1 1 0 0 0 0"
)


def status(pid: int, parent: int, group: int) -> Status:
    return Status(pid, parent, group, ticks=1, resident_pages=1)


def test_a_name_with_blanks_and_parentheses_does_not_shift_the_fields() -> None:
    assert parse_status(STAT) == Status(pid=42, parent=1, group=40, ticks=110, resident_pages=555)


def test_the_tree_holds_grandchildren_whatever_the_order_and_nobody_else() -> None:
    statuses = [status(4, 3, 9), status(3, 2, 9), status(2, 1, 9), status(5, 1, 9)]
    assert {found.pid for found in members(statuses, 2)} == {2, 3, 4}


def test_a_worker_whose_parent_has_gone_is_found_by_its_group() -> None:
    statuses = [status(2, 1, 2), status(3, 1, 2), status(4, 3, 4), status(5, 1, 1)]
    assert {found.pid for found in members(statuses, 2)} == {2, 3, 4}


def test_the_running_process_uses_memory() -> None:
    assert processes.resident_bytes(os.getpid()) > 1_000_000
