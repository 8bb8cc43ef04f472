"""What bad input may cost: no memory or descriptors that stay, no memory for what is only claimed."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from integration.robustness.asking import Channel, binary, message, tensor
from integration.robustness.conftest import assert_serves
from integration.robustness.repository import write_identity
from integration.robustness.sockets import GOOD_BODY, connected, post, read_answer
from integration.robustness.test_connections import TLS_HELLO
from integration.robustness.test_grpc import CALL, DATA, frame
from support.server import ServerProcess, wait_until

MEGABYTE = 1 << 20
GIGABYTE = 1 << 30
CYCLES = 2000
REQUESTS = 20_000


def resident(server: ServerProcess) -> int:
    return int(psutil.Process(server.pid).memory_info().rss)


@pytest.fixture
def generous(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server that takes gigabytes."""
    write_identity(tmp_path, "simple", "FP32", 4, batch=8)
    write_identity(tmp_path, "free", "FP32", -1, -1)
    with ServerProcess(tmp_path, f"--http-max-input-size={4 * GIGABYTE}") as process:
        yield process


CLAIMS = {
    "a length": ("http", post(b"{", length=GIGABYTE)),
    "a chunk": ("http", post(b"40000000\r\n{", "Transfer-Encoding: chunked")),
    "a packed body": ("http", post(b"\x1f\x8b", "Content-Encoding: gzip", length=GIGABYTE)),
    "a message": ("grpc", CALL + frame(DATA, 0, 1, b"\0\x40\0\0\0a")),
}


@pytest.mark.parametrize("case", CLAIMS)
def test_a_gigabyte_that_is_only_announced_takes_no_memory(generous: ServerProcess, case: str) -> None:
    door, content = CLAIMS[case]
    before = resident(generous)
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(connected(getattr(generous, door))).sendall(content)
        assert_serves(generous)
        assert resident(generous) - before < 40 * MEGABYTE


def test_a_gigabyte_that_is_only_written_down_takes_no_memory(generous: ServerProcess) -> None:
    before = resident(generous)
    shapes = [(1 << 14, 1 << 14), (1 << 15, 1 << 14), (GIGABYTE >> 2, 1)]
    inputs = [tensor(shape=shape, data=[1]) for shape in shapes]
    inputs += [binary(GIGABYTE, shape=shape) for shape in shapes]
    inputs += [{key: given[key] for key in ("data", "name", "datatype", "shape")} for given in inputs[:3]]
    with connected(generous.http) as connection, Channel(generous) as channel:
        stream = connection.makefile("rb")
        for given in inputs:
            connection.sendall(post(json.dumps({"inputs": [given]}).encode(), path="/v2/models/free/infer"))
            assert read_answer(stream).status == 400
        for shape in shapes:
            refused = channel.refused(message("free", (("IN", "FP32", list(shape)),), (b"",)))
            assert refused[0] == "INVALID_ARGUMENT"
    assert resident(generous) - before < 20 * MEGABYTE


def bad_requests() -> list[bytes]:
    """Requests that are refused with their connection kept."""
    bodies = [
        b"{",
        b"[" * 5000,
        GOOD_BODY.replace(b'"FP32"', b'"FP64"'),
        GOOD_BODY.replace(b"[1, 4]", b"[4611686018427387904, 4]"),
        GOOD_BODY.replace(b'"IN"', b'"' + b"N" * 5000 + b'"'),
        GOOD_BODY[:-4],
    ]
    made = [post(body) for body in bodies]
    made.append(post(GOOD_BODY, path="/v2/models/" + "m" * 5000 + "/infer"))
    made.append(post(GOOD_BODY, path="/v2/models/nobody/infer"))
    made.append(post(GOOD_BODY, "Content-Encoding: gzip"))
    made.append(post(GOOD_BODY, "Inference-Header-Content-Length: 100000"))
    return made


def send_bad_requests(server: ServerProcess, count: int) -> None:
    made = bad_requests()
    with connected(server.http) as connection:
        stream = connection.makefile("rb")
        for _ in range(count // len(made)):
            connection.sendall(b"".join(made))
            assert all(400 <= read_answer(stream).status < 500 for _ in made)


def test_thousands_of_bad_requests_leave_no_memory_behind(server: ServerProcess) -> None:
    send_bad_requests(server, REQUESTS // 10)
    before = resident(server)
    send_bad_requests(server, REQUESTS)
    assert resident(server) - before < 8 * MEGABYTE


def test_names_of_models_that_are_not_there_leave_nothing_behind(server: ServerProcess) -> None:
    """Names come from clients, so whatever is kept by name must be kept for models only."""
    metrics = len(server.get("/metrics", door="metrics")[1])
    before = resident(server)
    with connected(server.http) as connection:
        stream = connection.makefile("rb")
        for number in range(5000):
            connection.sendall(post(GOOD_BODY, path=f"/v2/models/{number}{'m' * 1000}/infer"))
            assert read_answer(stream).status == 404
    assert resident(server) - before < 8 * MEGABYTE
    assert len(server.get("/metrics", door="metrics")[1]) < metrics + 1000


def test_thousands_of_connections_leave_no_descriptor_behind(server: ServerProcess) -> None:
    process = psutil.Process(server.pid)
    before = process.num_fds()
    doors = [server.http, server.grpc, server.metrics]
    said = [b"", b"\0" * 100, b"GET /v2 HTTP/1.1\r\n", TLS_HELLO, post(GOOD_BODY)[:-1], post(GOOD_BODY), CALL]
    for number in range(CYCLES):
        with connected(doors[number % 3]) as connection:
            connection.sendall(said[number % 7])
            if number % 2:  # a reset in place of a farewell
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    wait_until(_at_most(process.num_fds, before + 2), "the descriptors to be closed", 20)


def test_workers_that_die_leave_no_descriptor_behind(server: ServerProcess) -> None:
    process = psutil.Process(server.pid)
    body = b'{"parameters":{"do":"exit"},"inputs":[{"name":"IN","datatype":"FP32","shape":[1],"data":[1]}]}'
    good = body.replace(b'"exit"', b'"echo"')
    path = "/v2/models/hungry/infer"
    assert server.request("POST", path, good)[0] == 200
    before = process.num_fds()
    for _ in range(3):
        assert server.request("POST", path, body)[0] == 500
        assert server.request("POST", path, good)[0] == 200
    wait_until(_at_most(process.num_fds, before), "the descriptors to be closed", 20)


def _at_most(count: Callable[[], int], limit: int) -> Callable[[], bool]:
    return lambda: count() <= limit
