"""The example of checksums, run as its text says."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.server import ServerProcess

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def write_checksums(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, EXAMPLES / "write_checksums.py", folder]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_checksums_of_the_example_are_those_that_its_script_prints() -> None:
    sealed = EXAMPLES / "checked" / "sealed"
    assert write_checksums(sealed).stdout in (sealed / "config.pbtxt").read_text()


@pytest.mark.usefixtures("declared_bricks")
def test_the_model_loads_as_it_is_and_not_once_it_was_changed(tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(EXAMPLES / "checked" / "sealed", tmp_path / "sealed", ignore=ignored)
    with ServerProcess(tmp_path) as server:
        status, _ = server.get("/v2/models/sealed/ready")
        assert status == 200
    code = tmp_path / "sealed" / "1" / "model.py"
    code.write_text(code.read_text() + "\n")
    flags = ("--exit-on-error=false", "--strict-readiness=false")
    with ServerProcess(tmp_path, *flags, ready=False, tolerates="sealed") as server:
        server.wait_for_log("mismatched SHA256 hash for file '1/model.py'")
        assert server.get("/v2/models/sealed/ready")[0] == 400


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    assert "There are no files of a model" in write_checksums(tmp_path).stderr
