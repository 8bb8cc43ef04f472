"""The commands as people see them."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3]))  # the doubles are shared by several folders of tests

from tests.unit.runtime.conftest import CATALOGUE

from trilith import __version__
from trilith.cli import serve, tritonserver
from trilith.cli.main import main
from trilith.server.options import ServerOptions


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[ServerOptions]:
    """Options that a server would have been started with."""
    options: list[ServerOptions] = []

    def take(given: ServerOptions) -> int:
        options.append(given)
        return 0

    monkeypatch.setattr("trilith.server.run.serve", take)
    monkeypatch.setattr("trilith.server.run.leave", lambda _status: None)
    monkeypatch.setattr("trilith.runtime.logs.configure", lambda _options: None)
    return options


def test_without_a_word_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "trilith serve MODEL_REPOSITORY" in capsys.readouterr().out


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"trilith {__version__}\n"


def test_an_unknown_command_gets_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sevre"]) == 2
    assert capsys.readouterr().err == "trilith: unknown command 'sevre'; did you mean serve?\n"


def test_serve_takes_repositories_as_words_and_as_flags(served: list[ServerOptions]) -> None:
    assert main(["serve", "a", "--http-port", "1", "b", "--model-repository=c"]) == 0
    assert served[0].repositories == (Path("a"), Path("b"), Path("c"))


def test_serve_reports_all_mistakes_and_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--http-prt=1", "--grpc-port=x"]) == 2
    assert capsys.readouterr().err == (
        "trilith serve: unknown flag --http-prt; did you mean --http-port?\n"
        "trilith serve: --grpc-port=x: expected a whole number from 0 to 65535\n"
        "trilith serve: no model repository is named; for example: trilith serve models\n"
        "trilith serve --help lists the flags\n"
    )


def test_a_log_file_that_cannot_be_opened_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["serve", "models", f"--log-file={tmp_path}/nowhere/log"]) == 2
    assert "nowhere/log: No such file or directory" in capsys.readouterr().err


def test_help_lists_flags_by_group_and_what_has_no_effect(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--help"]) == 0
    text = capsys.readouterr().out
    assert "\nHTTP:\n" in text
    assert "    --http-port=PORT\n        Port to listen on; 0 takes a free one. Default: 8000." in text
    assert "--backend-directory" in text
    assert "--allow-sagemaker" not in text
    assert max(map(len, text.splitlines())) <= 100


def test_tritonserver_takes_flags_alone(
    served: list[ServerOptions], capsys: pytest.CaptureFixture[str]
) -> None:
    assert tritonserver.main(["--model-repository=a", "--backend-directory=x"]) == 0
    assert served[0].repositories == (Path("a"),)
    assert tritonserver.main(["a"]) == 1
    assert "tritonserver: unexpected argument 'a'" in capsys.readouterr().err


def test_bricks_are_listed_from_their_manifests(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trilith.runtime.bricks.discover", lambda: CATALOGUE)
    assert main(["bricks"]) == 0
    assert "| echo  | backend | -        | 0 MB | Gives its input back |" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "status"), [("good", 0), ("bad", 1)])
def test_check_exits_with_one_if_a_configuration_is_wrong(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    name: str,
    status: int,
) -> None:
    monkeypatch.setattr("trilith.runtime.check.discover", lambda: CATALOGUE)
    (tmp_path / name / "1").mkdir(parents=True)
    wrong = "max_batch_siz: 1" if name == "bad" else ""
    (tmp_path / name / "config.pbtxt").write_text(f'backend: "echo"\n{wrong}')
    assert main(["check", str(tmp_path)]) == status
    assert ("good: ok" in capsys.readouterr().out) == (name == "good")


def test_check_names_a_missing_repository(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["check", str(tmp_path / "nowhere")]) == 1
    assert "there is no such folder" in capsys.readouterr().err


def test_check_without_a_repository_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 2
    assert "no model repository is named" in capsys.readouterr().err


def test_no_command_line_module_names_a_brick() -> None:
    folders = Path(serve.__file__).parents[1]
    names = [path.name for path in (folders / "bricks" / "backends").iterdir() if path.is_dir()]
    modules = [
        *(folders / "cli").glob("*.py"),
        *(folders / "server").glob("*.py"),
        *(folders / "runtime").glob("*.py"),
    ]
    for module in modules:
        code = module.read_text()
        assert not [name for name in names if f'"{name}"' in code or f"'{name}'" in code], module
