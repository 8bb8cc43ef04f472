"""The examples of what endpoints can be told, as they stand, against the servers that they ask for."""

import subprocess
import sys
from pathlib import Path

import pytest

from support.folders import write_model
from support.server import ServerProcess

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SUM_AND_DIFFERENCE = ["OUTPUT0 11.0 22.0 33.0 44.0", "OUTPUT1 -9.0 -18.0 -27.0 -36.0"]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    repository = tmp_path_factory.mktemp("models")
    model = EXAMPLES / "repository" / "add_sub"
    files = {"model.py": (model / "1" / "model.py").read_text()}
    write_model(repository, "add_sub", (model / "config.pbtxt").read_text(), files)
    return repository


def run(*command: str | Path) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_client_and_server_show_each_other_certificates(repository: Path, tmp_path: Path) -> None:
    run("sh", EXAMPLES / "tls" / "make_certificates.sh", tmp_path)
    words = ["--http-use-ssl-mutual=true", f"--http-root-cert={tmp_path}/authority.pem"]
    words += [f"--http-server-cert={tmp_path}/server.pem", f"--http-server-key={tmp_path}/server.key"]
    with ServerProcess(repository, *words, plain=False) as server:
        script = EXAMPLES / "tls" / "ask_encrypted.py"
        assert run(sys.executable, script, tmp_path, "--server", server.http) == SUM_AND_DIFFERENCE


def test_a_socket_takes_the_place_of_a_port(repository: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    words = [f"--http-address=unix:{path}", "--unix-socket-mode=600"]
    with ServerProcess(repository, *words, plain=False):
        assert run(sys.executable, EXAMPLES / "ask_over_socket.py", path) == SUM_AND_DIFFERENCE


def test_a_secret_opens_a_part_of_the_protocol(repository: Path) -> None:
    with ServerProcess(repository, "--http-restricted-api=statistics:admin-key=secret") as server:
        assert run("sh", EXAMPLES / "restricted.sh", server.http) == [
            "statistics without the secret: 403",
            "statistics with the secret: 200",
            "metadata: 200",
        ]


def test_a_header_reaches_the_model(tmp_path: Path) -> None:
    model = EXAMPLES / "headers" / "tenant"
    files = {"model.py": (model / "1" / "model.py").read_text()}
    write_model(tmp_path, "tenant", (model / "config.pbtxt").read_text(), files)
    with ServerProcess(tmp_path, "--http-header-forward-pattern=^x-tenant$") as server:
        (line,) = run("sh", EXAMPLES / "headers" / "ask_as_tenant.sh", server.http)
    assert '"TEXT_FOR_TENANT":"blue: hello"' in line
