"""What a store says when the system refuses something."""

import errno
import os
from pathlib import Path

import pytest

from trilith.build import BuildError, Store
from trilith.build.store import system_problem


def test_a_full_disk_is_named_with_what_to_do(tmp_path: Path) -> None:
    error = OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "not there" / "file"))
    told = str(system_problem(error))
    assert told.startswith(f"the disk of {tmp_path}/not there/file is full (")
    assert told.endswith("; make room or name a folder elsewhere, and run it again: what is whole is kept")
    nameless = OSError(errno.ENOSPC, "No space left on device")
    assert "a disk is full" in str(system_problem(nameless))
    assert str(system_problem(nameless, tmp_path, "wheel x")).startswith(
        f"wheel x: the disk of {tmp_path} is full"
    )


def test_what_may_not_be_written_is_named_with_what_to_do() -> None:
    told = str(system_problem(PermissionError(errno.EACCES, "Permission denied", "/etc/x")))
    assert told == "/etc/x: permission denied; name a folder that this user may write, or run it as its owner"
    assert str(system_problem(OSError("odd"))) == "odd"


def test_a_changed_byte_is_told_with_where_it_came_from(tmp_path: Path) -> None:
    sha256 = Store(tmp_path).put_bytes(b"content")
    Store(tmp_path).blob(sha256).write_bytes(b"contemt")
    with pytest.raises(
        BuildError, match=r"data: changed in the store: expected SHA-256 .* and fetch it again"
    ):
        Store(tmp_path).check(sha256, "data")
    with pytest.raises(BuildError, match=r"data: changed in the bundle b\.tar: .*; copy the bundle again"):
        Store(tmp_path, "b.tar").take(sha256, "data", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    with pytest.raises(BuildError, match=r"data: is not in the bundle b\.tar; make it again"):
        Store(tmp_path, "b.tar").check("0" * 64, "data")


def test_scratch_of_the_killed_goes_and_of_the_living_stays(tmp_path: Path) -> None:
    store = Store(tmp_path)
    left = tmp_path / "partial" / "scratch-of-somebody-killed"
    left.mkdir(parents=True)
    download = store.unfinished("half")
    download.write_bytes(b"ha")
    with store.scratch() as living:
        for folder in (left, living, download):
            os.utime(folder, (0, 0))
        store.tidy()
        assert living.is_dir()
    assert not left.exists()
    assert download.exists()
