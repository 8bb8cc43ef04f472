"""Other programs, and what is shown of what they say."""

import sys
from pathlib import Path

import pytest

from trilith.build.processes import ProgramError, run
from trilith.build.store import system_problem


def said(program: str) -> str:
    with pytest.raises(ProgramError) as caught:
        run([sys.executable, "-c", program])
    return caught.value.shown


def test_of_a_traceback_the_reason_is_shown() -> None:
    assert said("def deeper():\n    raise OSError(28, 'No space left')\ndeeper()") == (
        "OSError: [Errno 28] No space left"
    )


def test_a_program_whose_disk_is_full_is_told_as_any_full_disk(tmp_path: Path) -> None:
    program = "raise SystemExit('E: Error writing to file - write (28: No space left on device)')"
    with pytest.raises(OSError, match="No space left on device") as caught:
        run([sys.executable, "-c", program])
    assert str(system_problem(caught.value, tmp_path, "packages")).startswith(
        f"packages: the disk of {tmp_path} is full"
    )


def test_what_is_tried_again_and_again_is_shown_once() -> None:
    told = said(
        "print('WARNING: Retrying: no one\\n' * 5 + 'ERROR: no matching distribution'); raise SystemExit(1)"
    )
    assert told == "WARNING: Retrying: no one; ERROR: no matching distribution"


def test_passwords_in_addresses_are_not_shown() -> None:
    assert said("raise SystemExit('cannot read http://me:hunter2@mirror.example/')") == (
        "cannot read http://***@mirror.example/"
    )
