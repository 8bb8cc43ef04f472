"""The settings of the log, changed while the server runs: in the server and in its worker processes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tritonclient.utils import InferenceServerException

from support.clients import KINDS, Client
from support.server import ServerProcess, wait_until
from support.traces import ask, settings, write_traced_models

PATH = "/v2/logging"
START = {
    "log_file": "",
    "log_info": True,
    "log_warning": True,
    "log_error": True,
    "log_verbose_level": 0,
    "log_format": "default",
}


@pytest.fixture(scope="module")
def talking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(write_traced_models(tmp_path_factory.mktemp("talking"))) as server:
        yield server


@pytest.fixture(autouse=True)
def _as_at_the_start(talking: ServerProcess) -> Iterator[None]:
    yield
    changes = {name: value for name, value in START.items() if name != "log_file"}
    assert settings(talking, PATH, changes) == (200, START)


def plain(client: Client, answer: Any) -> dict[str, Any]:
    if client.is_http:
        return dict(answer)
    return {name: next(iter(value.values())) for name, value in answer["settings"].items()}


@pytest.mark.parametrize("kind", KINDS)
def test_settings_are_shown_and_changed_by_every_client(talking: ServerProcess, kind: str) -> None:
    with Client(kind, talking) as client:
        assert plain(client, client.describe("get_log_settings")) == START
        wanted = {"log_verbose_level": 2, "log_warning": False, "log_format": "ISO8601"}
        changed = plain(client, client.describe("update_log_settings", wanted))
        assert changed == {**START, **wanted}
        assert plain(client, client.describe("get_log_settings")) == changed


def count(server: ServerProcess, part: str) -> int:
    return sum(part in line for line in server.lines)


def test_a_change_reaches_worker_processes_and_the_way_lines_look(talking: ServerProcess) -> None:
    ask(talking, "http")
    wait_until(lambda: count(talking, "doubling for all to know") == 1, "the model's line")
    assert count(talking, "doubling verbosely") == 0
    settings(talking, PATH, {"log_verbose_level": 1, "log_format": "ISO8601"})

    def is_verbose() -> bool:
        ask(talking, "http")
        return count(talking, "Z V doubling verbosely") > 0

    wait_until(is_verbose, "the worker to be told")
    settings(talking, PATH, {"log_info": False, "log_verbose_level": 0, "log_format": "json"})

    def is_silent() -> bool:
        before = count(talking, "doubling for all to know")
        ask(talking, "http")
        return count(talking, "doubling for all to know") == before

    wait_until(is_silent, "the worker to be silent")


@pytest.mark.parametrize(
    ("change", "status", "problem"),
    [
        ({"log_file": "other"}, 501, "log file location can not be updated through network protocol"),
        ({"log_format": "fancy"}, 503, "invalid argument for log_format, got: fancy"),
        ({"log_verbos_level": 1}, 400, "did you mean 'log_verbose_level'?"),
        ({"log_info": "yes"}, 400, "'log_info' must be true or false"),
        ({"log_verbose_level": -1}, 400, "must not be negative"),
        ({"log_verbose_level": 2**31}, 400, "from 0 to 2147483647"),
        ({"log_verbose_level": 1, "log_info": 0}, 400, "'log_info' must be true or false"),
        ("{", 400, "failed to parse"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_and_nothing_changes(
    talking: ServerProcess, change: object, status: int, problem: str
) -> None:
    answer = settings(talking, PATH, change)
    assert answer[0] == status
    assert problem in answer[1]["error"]
    assert settings(talking, PATH) == (200, START)


def test_what_is_null_stays_as_it_is(talking: ServerProcess) -> None:
    assert settings(talking, PATH, {"log_info": None, "log_file": None}) == (200, START)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"log_file": "other"}, "UNIMPLEMENTED"),
        ({"log_format": "fancy"}, "INVALID_ARGUMENT"),
        ({"log_nothing": True}, "unknown log setting 'log_nothing'"),
    ],
)
def test_grpc_refuses_the_same(talking: ServerProcess, change: dict[str, Any], problem: str) -> None:
    with Client("grpc", talking) as client, pytest.raises(InferenceServerException) as caught:
        client.update_log_settings(change)
    assert problem in f"{caught.value.status()} {caught.value.message()}"


def test_the_file_of_the_log_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "server.log"
    repository = tmp_path / "models"
    repository.mkdir()
    flags = (f"--log-file={file}", "--model-control-mode=explicit", "--log-warning=false", "--log-verbose=1")
    with LoggedToFile(repository, *flags, file=file) as server:
        shown = settings(server, PATH)[1]
    assert shown == {**START, "log_file": str(file), "log_warning": False, "log_verbose_level": 1}


class LoggedToFile(ServerProcess):
    """A server whose ports stand in a file."""

    def __init__(self, *arguments: str | Path, file: Path) -> None:
        """Start it."""
        self._file = file
        super().__init__(*arguments)

    def wait_for_log(self, part: str, timeout: float = 60.0) -> str:
        wait_until(lambda: self._find(part), f"a line that holds '{part}'", timeout)
        return self._find(part)

    def _find(self, part: str) -> str:
        self.lines[:] = self._file.read_text().splitlines() if self._file.exists() else []
        return next((line for line in self.lines if part in line), "")
