"""A client that ends its side of an HTTP connection, and waits for its answer."""

import contextlib
import json
import os
import signal
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from repositories.models import read_template
from support.certificates import Authority
from support.folders import describe, write_model
from support.gate import Gate
from support.leaving import write_patient
from support.server import ServerProcess, wait_until

SECONDS = 30.0
ZEROS = """
import numpy
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def execute(self, requests):
        [request] = requests
        count = pb_utils.get_input_tensor_by_name(request, "COUNT").as_numpy()[0]
        return [pb_utils.InferenceResponse([pb_utils.Tensor("ZEROS", numpy.zeros(count, numpy.uint8))])]
"""
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def repository(gate: Gate, tmp_path_factory: pytest.TempPathFactory) -> Path:
    repository = tmp_path_factory.mktemp("models")
    config = describe("python", parameters=gate.parameters)
    write_model(repository, "gated", config, {"model.py": read_template("gated")})
    write_patient(repository)
    signature = ([("COUNT", "INT32", [1])], [("ZEROS", "UINT8", [-1])])
    config = describe("python", *signature, max_batch_size=0)
    write_model(repository, "zeros", config, {"model.py": ZEROS})
    return repository


@pytest.fixture(scope="module")
def server(repository: Path) -> Iterator[ServerProcess]:
    with ServerProcess(repository, tolerates="cancel") as process:
        yield process


def connect(server: ServerProcess) -> socket.socket:
    host, port = server.http.split(":")
    return socket.create_connection((host, int(port)), SECONDS)


def request(model: str, tensor: dict[str, object], version: str = "1.1") -> bytes:
    body = json.dumps({"id": "x", "inputs": [tensor]}).encode()
    head = f"POST /v2/models/{model}/infer HTTP/{version}\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def gated(version: str = "1.1") -> bytes:
    return request("gated", {"name": "INPUT0", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}, version)


def patient(folder: Path) -> bytes:
    return request("patient", {"name": "FOLDER", "datatype": "BYTES", "shape": [1, 1], "data": [str(folder)]})


def read_to_end(connection: "socket.socket | Encrypted") -> bytes:
    content = b""
    while part := connection.recv(65536):
        content += part
    return content


def check_probe(connection: socket.socket) -> None:
    """Wait for what is written before the answer, and leave it there."""
    assert connection.recv(len(CONTINUE), socket.MSG_WAITALL | socket.MSG_PEEK) == CONTINUE


def check_answer(content: bytes) -> None:
    assert content.startswith(CONTINUE)
    assert b"connection: close" in content.lower()
    check_outputs(content)


def check_outputs(content: bytes) -> None:
    head, body = content.removeprefix(CONTINUE).split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert json.loads(body)["outputs"][0]["data"] == [1.0, 2.0]


def test_it_gets_its_answer_and_the_connection_ends(server: ServerProcess, gate: Gate) -> None:
    with connect(server) as connection:
        connection.sendall(gated())
        assert gate.next_arrival() == ["x"]
        connection.shutdown(socket.SHUT_WR)
        check_probe(connection)
        gate.let_through()
        check_answer(read_to_end(connection))


LIVE = b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n"


def ask_and_end(server: ServerProcess, content: bytes) -> socket.socket:
    """Have the server find the request and the end of the client's side in one look."""
    connection = connect(server)
    # Not a new connection: there it looks for something to read before it is told that there is.
    connection.sendall(LIVE)
    assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK")
    os.kill(server.pid, signal.SIGSTOP)
    try:
        # It goes on for a moment: until every thread has stopped.
        os.waitid(os.P_PID, server.pid, os.WSTOPPED)
        connection.sendall(content)
        connection.shutdown(socket.SHUT_WR)
    finally:
        os.kill(server.pid, signal.SIGCONT)
    return connection


@pytest.mark.parametrize("requests", [1, 3])
def test_an_answer_that_is_there_at_once_is_given_too(server: ServerProcess, requests: int) -> None:
    with ask_and_end(server, LIVE * requests) as connection:
        assert read_to_end(connection).count(b"HTTP/1.1 200 OK") == requests


def test_the_end_may_come_together_with_the_request(server: ServerProcess, gate: Gate) -> None:
    with ask_and_end(server, gated()) as connection:
        assert gate.next_arrival() == ["x"]
        check_probe(connection)
        gate.let_through()
        # A server that looks for the answer before it looks at the connection has no need to probe it.
        check_outputs(read_to_end(connection))


def test_a_large_answer_is_given_whole(server: ServerProcess) -> None:
    size = 8 << 20
    with connect(server) as connection:
        connection.sendall(
            request("zeros", {"name": "COUNT", "datatype": "INT32", "shape": [1], "data": [size]})
        )
        # The answer is being written, and cannot be written whole.
        assert connection.recv(1000, socket.MSG_PEEK)
        connection.shutdown(socket.SHUT_WR)
        _, body = read_to_end(connection).removeprefix(CONTINUE).split(b"\r\n\r\n", 1)
        assert len(json.loads(body)["outputs"][0]["data"]) == size


def test_it_gets_its_answer_over_tls(repository: Path, gate: Gate, authority: Authority) -> None:
    pair = authority.issue("server")
    flags = ("--http-use-ssl=true", f"--http-server-cert={pair.certificate}", f"--http-server-key={pair.key}")
    with ServerProcess(repository, *flags, plain=False) as server:
        context = ssl.create_default_context(cafile=str(authority.certificate))
        with connect(server) as plain:
            connection = Encrypted(plain, context)
            connection.sendall(gated())
            assert gate.next_arrival() == ["x"]
            connection.end_side()
            begun = connection.recv(len(CONTINUE))
            gate.let_through()
            check_answer(begun + read_to_end(connection))


class Encrypted:
    """TLS over a connection; the library's own sockets fail where an answer comes as they end their side."""

    def __init__(self, connection: socket.socket, context: ssl.SSLContext) -> None:
        self._connection = connection
        self._received, self._to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._session = context.wrap_bio(self._received, self._to_send, server_hostname="localhost")
        self._run(self._session.do_handshake)

    def sendall(self, content: bytes) -> None:
        self._run(self._session.write, content)

    def recv(self, size: int) -> bytes:
        # This is how the library tells of the end where both sides have said it.
        with contextlib.suppress(ssl.SSLZeroReturnError):
            received: bytes = self._run(self._session.read, size)
            return received
        return b""

    def end_side(self) -> None:
        """Send the alert that nothing follows."""
        with pytest.raises(ssl.SSLWantReadError):
            self._session.unwrap()
        self._connection.sendall(self._to_send.read())

    def _run(self, step: Callable[..., Any], *arguments: object) -> Any:
        while True:
            try:
                result = step(*arguments)
            except ssl.SSLWantReadError:
                self._connection.sendall(self._to_send.read())
                self._received.write(self._connection.recv(65536))
            else:
                self._connection.sendall(self._to_send.read())
                return result


@pytest.mark.parametrize("abruptly", [False, True])
def test_one_that_goes_later_is_told_from_it(
    server: ServerProcess, tmp_path: Path, *, abruptly: bool
) -> None:
    connection = connect(server)
    connection.sendall(patient(tmp_path))
    wait_until((tmp_path / "began").exists, "the model to begin", SECONDS)
    connection.shutdown(socket.SHUT_WR)
    assert connection.recv(len(CONTINUE), socket.MSG_WAITALL) == CONTINUE
    assert not (tmp_path / "cancelled").exists()
    if abruptly:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # Otherwise what has ended its side makes no sound when it goes.
    connection.close()
    wait_until((tmp_path / "cancelled").exists, "the model to learn of it", SECONDS)


def test_one_that_speaks_http_1_0_is_withdrawn(server: ServerProcess, tmp_path: Path) -> None:
    with connect(server) as connection:
        connection.sendall(patient(tmp_path).replace(b"HTTP/1.1", b"HTTP/1.0"))
        wait_until((tmp_path / "began").exists, "the model to begin", SECONDS)
        connection.shutdown(socket.SHUT_WR)
        wait_until((tmp_path / "cancelled").exists, "the model to learn of it", SECONDS)
        assert read_to_end(connection) == b""


def test_a_request_whose_body_is_cut_short_is_refused(server: ServerProcess) -> None:
    with connect(server) as connection:
        connection.sendall(gated()[:-5])
        connection.shutdown(socket.SHUT_WR)
        assert CONTINUE not in read_to_end(connection)
