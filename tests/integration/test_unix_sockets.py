"""Endpoints on Unix domain sockets."""

import http.client
import os
import shlex
import shutil
import socket
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

from support.certificates import Authority
from support.folders import describe, write_model
from support.server import ServerProcess, run_to_end

SECONDS = 20.0


class LocalConnection(http.client.HTTPConnection):
    """HTTP over a Unix domain socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(SECONDS)
        self.sock.connect(str(self._path))


def ask(path: Path, target: str = "/v2/health/ready") -> int:
    connection = LocalConnection(path)
    connection.request("GET", target)
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short: that of a socket may have 107 bytes."""
    made = Path(tempfile.mkdtemp(prefix="trilith"))
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    repository = tmp_path_factory.mktemp("models")
    write_model(repository, "echo", describe("identity"))
    return repository


def flags(folder: Path) -> list[str]:
    return [f"--{name}-address=unix:{folder}/{name}.sock" for name in ("http", "grpc", "metrics")]


def test_every_endpoint_answers_on_its_socket_and_takes_it_away_at_the_end(
    folder: Path, repository: Path
) -> None:
    with ServerProcess(repository, *flags(folder), plain=False) as server:
        assert f"HTTP on unix:{folder}/http.sock" in server.log
        assert ask(folder / "http.sock") == 200
        assert ask(folder / "metrics.sock", "/metrics") == 200
        with grpc.insecure_channel(f"unix:{folder}/grpc.sock") as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            asked = service_pb2.ModelInferRequest(model_name="echo")
            tensor = asked.inputs.add(name="INPUT0", datatype="FP32", shape=[1, 2])
            tensor.contents.fp32_contents.extend([1.0, 2.0])
            answer = stub.ModelInfer(asked, timeout=SECONDS)
            assert answer.outputs[0].shape == [1, 2]
    assert list(folder.iterdir()) == []


def test_the_request_to_paste_goes_to_the_socket(folder: Path, repository: Path) -> None:
    with ServerProcess(repository, *flags(folder), plain=False) as server:
        line = server.wait_for_log("curl ").strip()
        assert f"--unix-socket {folder}/http.sock" in line
        done = subprocess.run(shlex.split(line), capture_output=True, check=True, timeout=SECONDS)
        assert b'"model_name":"echo"' in done.stdout


@pytest.mark.parametrize(("words", "mode"), [((), 0o660), (("--unix-socket-mode=600",), 0o600)])
def test_permissions_are_those_that_were_asked_for(
    words: tuple[str, ...], mode: int, folder: Path, repository: Path
) -> None:
    with ServerProcess(repository, *flags(folder), *words, plain=False):
        for path in folder.iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_socket_that_a_killed_server_left_behind_is_taken_over(folder: Path, repository: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(folder / "http.sock"))
    with ServerProcess(repository, *flags(folder), plain=False):
        assert ask(folder / "http.sock") == 200


def test_what_another_program_uses_stays(folder: Path, repository: Path) -> None:
    path = folder / "http.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        status, log = run_to_end(repository, *flags(folder))
    assert status == 1
    assert "another program listens there; choose another socket with --http-address" in log
    assert path.is_socket()


def test_a_file_that_is_no_socket_stays(folder: Path, repository: Path) -> None:
    path = folder / "http.sock"
    path.write_text("precious")
    status, log = run_to_end(repository, *flags(folder))
    assert status == 1
    assert f"cannot listen on {path}: there is a file that is no socket" in log
    assert path.read_text() == "precious"


def test_a_folder_that_is_not_there_is_named(folder: Path, repository: Path) -> None:
    status, log = run_to_end(repository, f"--http-address=unix:{folder}/nowhere/a.sock")
    assert status == 1
    assert f"cannot listen on {folder}/nowhere/a.sock: No such file or directory" in log


def test_a_socket_that_another_server_put_in_place_stays(folder: Path, repository: Path) -> None:
    path = folder / "http.sock"
    with ServerProcess(repository, *flags(folder), plain=False):
        path.unlink()
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(path))
    assert [left.name for left in folder.iterdir()] == ["http.sock"]


def test_sockets_speak_tls_too(folder: Path, repository: Path, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.issue("server")
    words = ["--grpc-use-ssl=true", f"--grpc-server-cert={pair.certificate}", f"--grpc-server-key={pair.key}"]
    with ServerProcess(repository, *flags(folder), *words, plain=False):
        trusted = grpc.ssl_channel_credentials(authority.certificate.read_bytes())
        options = [("grpc.ssl_target_name_override", "localhost")]
        target = f"unix:{os.fspath(folder)}/grpc.sock"
        with grpc.secure_channel(target, trusted, options) as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            assert stub.ServerLive(service_pb2.ServerLiveRequest(), timeout=SECONDS).live
