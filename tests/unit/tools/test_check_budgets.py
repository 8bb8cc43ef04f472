"""The budgets as a command, over a folder that git looks after."""

import subprocess
import sys
from pathlib import Path

import pytest
from budgets.tree import read

TOOL = Path(__file__).resolve().parents[3] / "tools" / "check_budgets.py"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    return tmp_path


def test_files_that_git_ignores_are_not_looked_at(checkout: Path) -> None:
    (checkout / ".gitignore").write_text("built/\n")
    (checkout / "built").mkdir()
    (checkout / "built" / "a.py").write_text("x")
    (checkout / "new.py").write_text("y")
    (checkout / "image.bin").write_bytes(b"\xff\xfe")
    assert dict(read(checkout).texts) == {".gitignore": "built/\n", "new.py": "y"}


def test_a_tracked_file_that_was_deleted_is_not_looked_at(checkout: Path) -> None:
    (checkout / "gone.py").write_text("x")
    subprocess.run(["git", "-C", str(checkout), "add", "gone.py"], check=True)
    (checkout / "gone.py").unlink()
    assert dict(read(checkout).texts) == {}


def test_everything_found_is_reported_together_and_the_exit_status_says_so(checkout: Path) -> None:
    loose_end = "FIX" + "ME"
    (checkout / "a.py").write_text(f"# {loose_end}\n" + "x = 1\n" * 500)
    result = subprocess.run(
        [sys.executable, str(TOOL), str(checkout)], check=False, capture_output=True, text=True
    )
    assert result.returncode == 1
    assert "a.py: 501 lines" in result.stdout
    assert f"a.py:1: '{loose_end}'" in result.stdout
    assert "clippy.toml: too-many-lines-threshold must be set" in result.stdout


def test_this_project_is_looked_at_without_an_argument() -> None:
    result = subprocess.run([sys.executable, str(TOOL)], check=False, capture_output=True, text=True)
    assert "Python: " in result.stdout
