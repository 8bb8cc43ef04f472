"""The commands of a result, from the part of the script that writes them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from trilith.build.files.bricks import _LAUNCH
from trilith.build.result import site_packages

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
ENTRY_POINTS = "[console_scripts]\nsmall = small:main\nother=small:main\n\n[small.bricks]\nx = small:brick\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A result that was moved after it was made."""
    made = tmp_path / "made hier"
    packages = site_packages(tmp_path / "made hier.partial", VERSION)
    (packages / "small-1.0.dist-info").mkdir(parents=True)
    (packages / "small-1.0.dist-info" / "entry_points.txt").write_text(ENTRY_POINTS)
    (packages / "small.py").write_text("import sys\ndef main():\n    print(sys.argv[1:])\n    return 3\n")
    variables = f"NAME=small; version={VERSION}; made=x; BUILD_DIR=$PWD; INSTALL_DIR='{made}'\n"
    variables += f'packages="{packages}"\n'
    script = f"set -euo pipefail\n{variables}{_LAUNCH}"
    subprocess.run(["bash", "-c", script], check=True, cwd=tmp_path)
    assert (tmp_path / "installed").read_text() == "x"
    return made.rename(tmp_path / "moved größer")


def run(root: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = ["/bin/sh", str(root / "bin" / "small"), "a b", "c"]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin", **environment}
    )


def test_a_command_finds_the_folder_that_it_lies_in(root: Path) -> None:
    assert {path.name for path in (root / "bin").iterdir()} == {"small", "other"}
    done = run(root, TRILITH_PYTHON=sys.executable)
    assert (done.returncode, done.stdout) == (3, "['a b', 'c']\n")


def test_a_command_finds_it_through_a_link_too(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root / "bin" / "small")
    done = subprocess.run(
        [tmp_path / "link", "x"],
        capture_output=True,
        text=True,
        check=False,
        env={"TRILITH_PYTHON": sys.executable},
    )
    assert done.stdout == "['x']\n"


def test_a_machine_without_the_right_python_is_told(root: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("dirname", "readlink"):
        (tools / name).symlink_to(shutil.which(name) or name)
    done = run(root, PATH=str(tools), TRILITH_PYTHON="/nowhere/at/all")
    assert done.returncode == 1
    assert f"there is no python{VERSION} on this machine" in done.stderr
