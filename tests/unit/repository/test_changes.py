"""Whether a model's folder has changed."""

import os
from pathlib import Path

from trilith.repository.changes import take


def write(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_files_that_come_go_or_change_are_named(tmp_path: Path) -> None:
    kept, changed, gone = (write(tmp_path / "1" / name) for name in ("kept", "changed", "gone"))
    before = take(tmp_path)
    os.utime(changed, ns=(1, 1))
    gone.unlink()
    write(tmp_path / "2" / "new")
    assert take(tmp_path).differs_in(before) == {"1/changed", "1/gone", "2", "2/new"}
    assert kept.exists()
    assert not take(tmp_path).differs_in(take(tmp_path))


def test_an_empty_version_folder_is_a_change(tmp_path: Path) -> None:
    before = take(tmp_path)
    (tmp_path / "3").mkdir()
    assert take(tmp_path).differs_in(before) == {"3"}


def test_hidden_files_and_bytecode_do_not_count(tmp_path: Path) -> None:
    before = take(tmp_path)
    write(tmp_path / ".config.pbtxt.swp")
    write(tmp_path / "__pycache__" / "model.pyc")
    assert not take(tmp_path).differs_in(before)


def test_a_link_that_leads_back_ends(tmp_path: Path) -> None:
    (tmp_path / "round").symlink_to(tmp_path)
    assert take(tmp_path).stamps
