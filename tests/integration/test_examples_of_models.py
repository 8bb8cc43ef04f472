"""The examples of how models come, what they run in and what they are told, run as their texts say."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cuda import build_driver
from support.folders import write_model
from support.server import ServerProcess

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
EXPLICIT = "--model-control-mode=explicit"


def run(script: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, EXAMPLES / script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def lines(script: str, *arguments: str | Path) -> list[str]:
    finished = run(script, *arguments)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.splitlines()


def test_a_model_comes_changes_and_goes_by_its_files(tmp_path: Path) -> None:
    flags = ("--model-control-mode=poll", "--repository-poll-secs=1")
    with ServerProcess(tmp_path, *flags) as server:
        seen = lines("change_on_disk.py", tmp_path, "--server", server.http)
    assert seen == ["the model has come", "it has two instances", "it has gone"]


def test_a_model_comes_with_the_request_that_loads_it() -> None:
    with ServerProcess(EXAMPLES / "on_demand", EXPLICIT) as server:
        assert lines("bring_a_model.py", "3", "4", "5", "--server", server.http) == ["9 16 25"]


def test_a_model_runs_in_an_environment_of_its_own(tmp_path: Path) -> None:
    unmade = shutil.ignore_patterns("environment")
    shutil.copytree(EXAMPLES / "environments", tmp_path, dirs_exist_ok=True, ignore=unmade)
    lines("make_environment.py", tmp_path / "teller" / "environment")
    with ServerProcess(tmp_path) as server:
        _, body = server.request("POST", "/v2/models/teller/generate", b'{"MODULE": "only_here"}')
        assert b"I am only in this environment." in body
        status, body = server.request("POST", "/v2/models/teller/generate", b'{"MODULE": "nowhere"}')
        assert (status, b"No module named 'nowhere'" in body) == (500, True)


def test_an_input_may_be_left_out_and_answers_have_parameters() -> None:
    with ServerProcess(EXAMPLES / "letters") as server:
        assert lines("write_letters.py", "Lovelace", "--server", server.http) == [
            "Dear Lovelace, (2 words, formal: False)",
            "Honoured Countess Lovelace, (3 words, formal: True)",
        ]


def test_control_inputs_tell_sequences_apart() -> None:
    with ServerProcess(EXAMPLES / "controls") as server:
        assert lines("call_the_roll.py", "--server", server.http) == [
            "1: Ada",
            "2: Diophantus",
            "1: Ada, Blaise",
            "2: Diophantus, Emmy",
            "1: Ada, Blaise, Carl",
            "2: Diophantus, Emmy, Fermat",
        ]


@pytest.mark.parametrize(("flags", "scaled"), [((), "21.0"), (("--model-config-name=double",), "42.0")])
def test_a_model_has_a_configuration_for_each_occasion(flags: tuple[str, ...], scaled: str) -> None:
    with ServerProcess(EXAMPLES / "variants", *flags) as server:
        command = ["sh", EXAMPLES / "ask_variant.sh", server.http]
        asked = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert f'"SCALED":{scaled}' in asked.stdout


@pytest.fixture
def add_sub(tmp_path: Path) -> Path:
    model = EXAMPLES / "repository" / "add_sub"
    files = {"model.py": (model / "1" / "model.py").read_text()}
    write_model(tmp_path / "models", "add_sub", (model / "config.pbtxt").read_text(), files)
    return tmp_path / "models"


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[None]:
    """A double of the CUDA driver, for server and client."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LD_LIBRARY_PATH", str(build_driver(tmp_path)), prepend=os.pathsep)
        yield


@pytest.mark.usefixtures("driver")
def test_tensors_stay_in_the_memory_of_a_gpu(add_sub: Path) -> None:
    with ServerProcess(add_sub, "--allow-client-shm=true") as server:
        assert lines("share_gpu_tensors.py", "--server", server.http) == [
            "INPUT0 1.0 2.0 3.0 4.0",
            "INPUT1 10.0 20.0 30.0 40.0",
            "OUTPUT0 11.0 22.0 33.0 44.0",
            "OUTPUT1 -9.0 -18.0 -27.0 -36.0",
        ]


@pytest.mark.usefixtures("driver")
def test_a_server_that_shares_no_memory_of_gpus_says_what_to_do(add_sub: Path) -> None:
    with ServerProcess(add_sub) as server:
        finished = run("share_gpu_tensors.py", "--server", server.http)
    assert finished.returncode == 1
    assert "--allow-client-shm=true" in finished.stderr


def test_without_a_driver_the_example_names_the_one_that_needs_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "libcuda.so.1").write_text("none")
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    finished = run("share_gpu_tensors.py")
    assert finished.returncode == 1
    assert "no CUDA driver" in finished.stderr
    assert "share_tensors.py" in finished.stderr


@pytest.mark.parametrize(
    ("script", "start"),
    [
        ("bring_a_model.py", "trilith serve examples/on_demand --model-control-mode=explicit"),
        ("write_letters.py", "trilith serve examples/letters"),
        ("call_the_roll.py", "trilith serve examples/controls"),
        ("greet_twice.py", "--model-namespacing=true"),
    ],
)
def test_without_a_server_the_way_to_start_one_is_said(script: str, start: str) -> None:
    # Port 9 is the discard service, which nothing offers any more.
    finished = run(script, "--server", "127.0.0.1:9")
    assert finished.returncode == 1
    assert start in finished.stderr
