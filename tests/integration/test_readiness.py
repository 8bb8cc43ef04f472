"""Models that say themselves whether they can serve: ``is_ready`` of a ``model.py``."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.clients import Client
from support.folders import describe, write_model
from support.server import ServerProcess, wait_until

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SECONDS = 30.0
FOLDER = "FOLDER"
CHECKED = f"""
import json
import os
from pathlib import Path
import numpy
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def initialize(self, args):
        parameters = json.loads(args["model_config"])["parameters"]
        self.folder = Path(parameters["{FOLDER}"]["string_value"])
        (self.folder / f"{{args['model_instance_name']}}.pid").write_text(str(os.getpid()))

    PREFIX def is_ready(self):
        said = (self.folder / "said").read_text()
        if said == "raise":
            raise ValueError("the database is gone")
        return {{"yes": True, "no": False}}.get(said, said)

    def execute(self, requests):
        answers = []
        for request in requests:
            name = request.inputs()[0].as_numpy().ravel()[0].decode()
            ready = pb_utils.is_model_ready(name)
            told = pb_utils.Tensor("READY", numpy.array([[ready]]))
            answers.append(pb_utils.InferenceResponse([told]))
        return answers
"""
SIGNATURE = ([("MODEL", "BYTES", [1])], [("READY", "BOOL", [1])])


def write(repository: Path, name: str, folder: Path, prefix: str = "", *, isolation: str = "process") -> None:
    """Write a model that is as ready as a file in a folder says."""
    config = describe(
        "python",
        *SIGNATURE,
        parameters={FOLDER: str(folder), "isolation": isolation},
        more="instance_group { count: 2 kind: KIND_CPU }",
    )
    write_model(
        repository, name, config, {"model.py": CHECKED.replace("PREFIX def", f"{prefix} def".strip())}
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("said")


@pytest.fixture
def says(folder: Path) -> Iterator[Path]:
    """The file in which the models read what they are to say."""
    said = folder / "said"
    said.write_text("yes")
    yield said
    said.write_text("yes")


@pytest.fixture(scope="module")
def server(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    repository = tmp_path_factory.mktemp("models")
    (folder / "said").write_text("yes")
    write(repository, "checked", folder)
    write(repository, "waiting", folder, "async")
    write(repository, "threaded", folder, isolation="thread")
    died = r"worker process|could not be started again"
    with ServerProcess(repository, tolerates=died) as process:
        yield process


def named(client: Client, model: str) -> list[Any]:
    return client.inputs({"MODEL": np.array([[model.encode()]], object)})


MODELS = ["checked", "waiting", "threaded"]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("kind", ["http", "grpc"])
def test_a_model_is_as_ready_as_it_says(server: ServerProcess, says: Path, kind: str, model: str) -> None:
    with Client(kind, server) as client:
        assert (client.is_model_ready(model), client.is_server_ready()) == (True, True)
        says.write_text("no")
        assert (client.is_model_ready(model), client.is_server_ready()) == (False, False)
        assert client.is_model_ready(model, "1") is False
        assert client.is_server_live()
        says.write_text("yes")
        assert (client.is_model_ready(model), client.is_server_ready()) == (True, True)


@pytest.mark.parametrize("model", MODELS)
def test_why_it_is_not_ready_is_told(server: ServerProcess, says: Path, model: str) -> None:
    for said, reason in (
        ("no", "returned False"),
        ("raise", "raised ValueError: the database is gone"),
        ("maybe", "returned an object of type str, expected bool"),
    ):
        says.write_text(said)
        status, body = server.get(f"/v2/models/{model}/ready")
        assert status == 400
        assert f"is_ready() of instance '{model}_0_0' {reason}" in body.decode()


def test_a_model_that_is_not_ready_answers_all_the_same_and_is_listed_as_it_was(
    server: ServerProcess, says: Path
) -> None:
    with Client("http", server) as client:
        says.write_text("no")
        for asked, asker in (("checked", "waiting"), ("checked", "threaded"), ("threaded", "checked")):
            assert client.infer(asker, named(client, asked)).as_numpy("READY") == [[False]]
        says.write_text("yes")
        assert client.infer("waiting", named(client, "checked")).as_numpy("READY") == [[True]]
        states = {entry["name"]: entry["state"] for entry in client.get_model_repository_index()}
    assert states == dict.fromkeys(MODELS, "READY")


@pytest.mark.usefixtures("says")
def test_a_model_whose_process_has_died_is_ready_again_with_the_next_one(
    server: ServerProcess, folder: Path
) -> None:
    pid = int((folder / "checked_0_1.pid").read_text())
    os.kill(pid, signal.SIGKILL)
    wait_until(
        lambda: (folder / "checked_0_1.pid").read_text() not in ("", str(pid)), "a new process", SECONDS
    )
    wait_until(lambda: server.get("/v2/models/checked/ready")[0] == 200, "the model to be ready", SECONDS)


def test_the_example_drains_a_model_and_brings_it_back(tmp_path: Path) -> None:
    repository = shutil.copytree(EXAMPLES / "draining", tmp_path / "draining")
    with ServerProcess(repository) as server:
        script = ["sh", EXAMPLES / "drain.sh", repository / "drained", server.http]
        done = subprocess.run(script, capture_output=True, text=True, check=True, timeout=SECONDS)
    assert done.stdout.splitlines() == ["serving: 200", "draining: 400", "serving again: 200"]
