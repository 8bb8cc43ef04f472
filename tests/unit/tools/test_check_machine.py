"""What set-up looks for before it starts, on machines made of stand-ins."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "tools" / "check_machine.sh"


class Machine:
    """A folder that is the whole PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for tool in ("cut", "head"):
            (folder / tool).symlink_to(str(shutil.which(tool)))
        (folder / "python3").symlink_to(sys.executable)
        self.install("cc", "exit 0")
        self.install("git", "exit 0")
        self.install("cargo", "echo 'cargo 1.88.0 (abcdef 2025-06-01)'")

    def install(self, name: str, script: str) -> None:
        (self.folder / name).unlink(missing_ok=True)
        (self.folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.folder / name).chmod(0o755)

    def remove(self, name: str) -> None:
        (self.folder / name).unlink()

    def check(self, purpose: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", str(SCRIPT), purpose],
            env={"PATH": str(self.folder)},
            check=False,
            capture_output=True,
            text=True,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_machine_that_has_everything_is_told_its_python_and_nothing_else(machine: Machine) -> None:
    result = machine.check("build")
    assert (result.returncode, result.stderr) == (0, "")
    assert Path(result.stdout.strip()).name.startswith("python")
    assert machine.check("checks").returncode == 0


@pytest.mark.parametrize(
    ("tool", "purpose", "way"),
    [
        ("cargo", "build", "Rust is missing: install 1.88 or later with rustup"),
        ("cc", "build", "apt-get install gcc"),
        ("python3", "build", "apt-get install python3 python3-venv"),
        ("git", "checks", "apt-get install git"),
        ("cargo", "checks", "rustup component add clippy rustfmt"),
    ],
)
def test_what_is_missing_is_named_in_one_sentence_with_the_way_to_get_it(
    machine: Machine, tool: str, purpose: str, way: str
) -> None:
    machine.remove(tool)
    result = machine.check(purpose)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert way in result.stderr


def test_everything_missing_is_named_at_once(machine: Machine) -> None:
    machine.remove("cargo")
    machine.remove("cc")
    assert len(machine.check("build").stderr.splitlines()) == 2


@pytest.mark.parametrize("version", ["1.87.1", "0.99.0"])
def test_an_old_cargo_is_found(machine: Machine, version: str) -> None:
    machine.install("cargo", f"echo 'cargo {version} (abcdef 2025-01-01)'")
    result = machine.check("build")
    assert result.returncode == 1
    assert f"this is cargo {version}" in result.stderr
    assert "rustup update" in result.stderr


@pytest.mark.parametrize("version", ["1.88.0", "1.100.0-nightly", "2.0.0"])
def test_a_newer_cargo_will_do(machine: Machine, version: str) -> None:
    machine.install("cargo", f"echo 'cargo {version} (abcdef 2026-01-01)'")
    assert machine.check("build").returncode == 0


def test_an_old_python_is_passed_over_for_a_newer_one(machine: Machine) -> None:
    machine.remove("python3")
    machine.install("python3", "exit 1")
    (machine.folder / "python3.12").symlink_to(sys.executable)
    result = machine.check("build")
    assert (result.returncode, result.stderr) == (0, "")


def test_a_python_without_venv_is_found(machine: Machine) -> None:
    machine.install(
        "python3", 'case "$2" in *version_info*) exit 0 ;; *executable*) echo "$0" ;; *) exit 1 ;; esac'
    )
    result = machine.check("build")
    assert result.returncode == 1
    assert f"The venv module of {machine.folder}/python3 is missing" in result.stderr
