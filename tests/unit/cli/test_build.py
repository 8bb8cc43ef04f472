"""``trilith build`` as people see it."""

import subprocess
import sys
from pathlib import Path

import pytest

import trilith
from trilith.cli.main import main

SMALL = ["--catalogue=triton", "--no-container-build", "--endpoint=http"]


def test_help_needs_the_standard_library_alone() -> None:
    source = Path(trilith.__file__).parent.parent
    program = (
        f"import sys; sys.path.insert(0, {str(source)!r}); from trilith.cli.main import main\n"
        "main(['build', '--help'])\n"
        "foreign = {'numpy', 'google', 'packaging', 'rich', 'jinja2', 'elftools'} & set(sys.modules)\n"
        "assert not foreign, foreign"
    )
    done = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--no-container-build" in done.stdout


def test_a_dry_run_writes_the_files_and_stops(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "a folder"
    assert main(["build", *SMALL, f"--build-dir={folder}", "--dryrun"]) == 0
    assert [path.name for path in folder.iterdir()] == ["cmake_build"]
    assert capsys.readouterr().out == f"{folder}/cmake_build\n"


@pytest.mark.parametrize(("catalogue", "inner"), [("triton", "cmake_build"), ("trilith", "brick_build")])
def test_the_usual_command_line_writes_the_five_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, catalogue: str, inner: str
) -> None:
    folder = tmp_path / "größe 'of' it"
    folder.mkdir()
    monkeypatch.chdir(folder)
    switches = [f"--enable-{name}" for name in ("logging", "stats", "metrics", "cpu-metrics")]
    words = ["-v", "--backend=identity", *switches, "--endpoint=http", "--endpoint=grpc", "--dryrun"]
    assert main(["build", f"--catalogue={catalogue}", *words]) == 0
    written = {path.name: path.read_text() for path in (folder / "build").iterdir()}
    assert set(written) == {
        inner,
        "docker_build",
        "Dockerfile.buildbase",
        "Dockerfile",
        "Dockerfile.cibase",
    }
    for text in written.values():
        assert "# Plan:    " in text
        assert "# Lock:    none" in text
    for name in (inner, "docker_build"):
        subprocess.run(["bash", "-n", str(folder / "build" / name)], check=True)


def test_mistakes_leave_nothing_on_disk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "build"
    status = main(["build", *SMALL, f"--build-dir={folder}", "--backend=identty", "--mirrors=/nowhere"])
    assert status == 2
    assert not folder.exists()
    shown = capsys.readouterr().err
    assert "did you mean 'identity'?" in shown
    assert "/nowhere: cannot be read" in shown


def test_the_script_is_run_and_its_status_passed_on(tmp_path: Path) -> None:
    command = [
        "build",
        "--catalogue=triton",
        "--no-container-build",
        "--no-core-build",
        "--enable-stats",
        "-q",
    ]
    result = tmp_path / "result"
    assert main([*command, f"--build-dir={tmp_path}/b", f"--install-dir={result}"]) == 0
    assert result.is_dir()


def test_a_plan_is_a_tree(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "plan", *SMALL, "--backend=identity"]) == 0
    shown = capsys.readouterr().out
    assert (
        "│   ├── backend.identity at main, https://github.com/triton-inference-server/identity_backend.git"
        in shown
    )
    assert "└── worth knowing" in shown


def test_a_component_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "explain", "grpc-repo", "--catalogue=triton"]) == 0
    assert "left out: third_party/benchmark" in capsys.readouterr().out
    assert main(["build", "explain", "gprc-repo", "--catalogue", "triton"]) == 2
    assert "did you mean 'grpc-repo'?" in capsys.readouterr().err


def test_components_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "components", "--catalogue=triton"]) == 0
    assert "armnn_tflite" in capsys.readouterr().out


def test_a_plan_shows_sizes_and_whose_are_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "plan", *SMALL, "--backend=identity"]) == 0
    shown = capsys.readouterr().out
    assert "MB of sources, unpacked, besides " in shown
    assert "grpc-repo" in shown.split("besides ")[1].split(", which were not measured")[0]
    assert "identity_backend.git, 0.4 MB, 0.1 MB of sources (command line)" in shown
    assert "pybind11-frontend at v2.13.1, https://github.com/pybind/pybind11.git, 2.8 MB (git" in shown


def test_mirror_check_names_what_is_not_covered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = tmp_path / "mirrors.toml"
    rules.write_text('[git]\n"https://github.com/" = "file:///srv/"\n')
    words = ["build", "mirror", "check", *SMALL]
    assert main(words) == 1
    assert "https://github.com/grpc/grpc.git" in capsys.readouterr().out
    assert main([*words, f"--mirrors={rules}"]) == 1
    shown = capsys.readouterr().out
    assert shown.count("archives: ") == len(shown.splitlines()) == 1
