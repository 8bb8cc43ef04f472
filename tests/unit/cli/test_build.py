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
    assert max(map(len, done.stdout.splitlines())) <= 80


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


def test_of_a_hundred_mistakes_the_first_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    words = [f"--backend=wrong{number}" for number in range(100)]
    assert main(["build", "--dryrun", "--endpoint=http", *words]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert "wrong0" in lines[0]
    assert lines[-2] == "trilith build: and 80 more like these"
    assert len(lines) == 22


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


def test_a_plan_needs_no_libraries_of_servers_and_builds() -> None:
    source = Path(trilith.__file__).parent.parent
    program = (
        f"import sys; sys.path.insert(0, {str(source)!r}); from trilith.cli.main import main\n"
        "assert main(['build', 'plan', '--preset=full']) == 0\n"
        "foreign = {'numpy', 'google', 'rich', 'jinja2', 'elftools', 'tarfile'} & set(sys.modules)\n"
        "assert not foreign, foreign"
    )
    done = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "endpoint.http (preset full)" in done.stdout


def test_the_command_of_the_front_page_shows_a_tree(capsys: pytest.CaptureFixture[str]) -> None:
    words = "plan --endpoint http --endpoint grpc --backend onnxruntime --enable-metrics"
    assert main(["build", *words.split()]) == 0
    shown = capsys.readouterr().out
    assert "├── backend.onnxruntime, 75 MB (command line)" in shown
    assert "└── feature.stats (needed by feature.metrics)" in shown


def test_a_component_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "explain", "grpc-repo", "--catalogue=triton"]) == 0
    assert "left out: third_party/benchmark" in capsys.readouterr().out
    assert main(["build", "explain", "gprc-repo", "--catalogue", "triton"]) == 2
    assert "did you mean 'grpc-repo'?" in capsys.readouterr().err
    assert main(["build", "explain", "grpc-repo"]) == 2
    assert "--catalogue=triton has it" in capsys.readouterr().err
    assert main(["build", "explain"]) == 2
    assert "trilith build components lists them" in capsys.readouterr().err


def test_components_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "components", "--catalogue=triton"]) == 0
    assert "armnn_tflite" in capsys.readouterr().out
    assert main(["build", "components", "http"]) == 2
    assert "trilith build explain NAME" in capsys.readouterr().err


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


def test_mirror_check_says_which_rules_are_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "mirror", "check", "--preset=minimal", "--container-build"]) == 1
    told = capsys.readouterr()
    assert "pypi: maturin>=1.9,<2 (build tools)" in told.out
    assert '[pypi]\nindex = "MIRROR"\n' in told.err
    assert '[crates]\nregistry = "MIRROR"\n' in told.err
    assert '"debian" = "MIRROR"' in told.err


def test_rules_that_cover_everything_are_enough(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = tmp_path / "mirrors.toml"
    rules.write_text(
        '[pypi]\nindex = "https://mirror.example"\n[crates]\nregistry = "https://mirror.example"\n'
    )
    assert main(["build", "mirror", "check", "--preset=minimal", f"--mirrors={rules}"]) == 0
    assert capsys.readouterr().err == "rules cover all 4 addresses\n"


def test_mirror_check_without_a_selection_says_what_to_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["build", "mirror", "check"]) == 2
    assert "there is no trilith-build.lock here" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_full_disk_is_no_traceback() -> None:
    words = [sys.executable, "-c", "import sys; from trilith.cli.main import main; sys.exit(main())"]
    source = str(Path(trilith.__file__).parent.parent)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*words, "build", "components"],
            env={"PYTHONPATH": source},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.stderr.startswith("trilith build: a disk is full: ")
    assert "Traceback" not in done.stderr
    assert done.returncode != 0


def test_a_folder_that_may_not_be_written_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main(["build", *SMALL, f"--build-dir={tmp_path}/file/below", "--dryrun"]) == 2
    assert f"trilith build: {tmp_path}/file/below: not a directory" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
