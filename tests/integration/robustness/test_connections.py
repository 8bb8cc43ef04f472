"""What is no HTTP, slow clients and clients that leave: their connections end, all others go on."""

import json
import socket
import time
from contextlib import ExitStack

import pytest

from integration.robustness.asking import wish
from integration.robustness.sockets import (
    GOOD_BODY,
    INFER,
    LIVE,
    Answer,
    ask,
    connected,
    exchange,
    post,
    read_to_end,
)
from support.server import ServerProcess, wait_until

TLS_HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(range(190))
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

GARBAGE = {
    "zeros": b"\0" * 1000,
    "all bytes": bytes(range(256)) * 100,
    "TLS": TLS_HELLO,
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n",
    "HTTP/0.9": b"GET /v2\r\n\r\n",
    "HTTP/3.0": b"GET /v2 HTTP/3.0\r\n\r\n",
    "no colon": b"GET /v2 HTTP/1.1\r\nHost x\r\n\r\n",
    "a NUL in a header": b"GET /v2 HTTP/1.1\r\nHost: \0\r\n\r\n",
    "a line of megabytes": b"x" * (4 << 20),
}


@pytest.mark.parametrize("door", ["http", "grpc", "metrics"])
@pytest.mark.parametrize("case", GARBAGE)
def test_garbage_ends_its_own_connection(server: ServerProcess, door: str, case: str) -> None:
    received = exchange(getattr(server, door), GARBAGE[case])
    assert not received or received.startswith(b"HTTP/1.1 4")


@pytest.mark.parametrize("door", ["http", "metrics"])
def test_http2_on_a_port_of_http1_ends_the_connection(server: ServerProcess, door: str) -> None:
    assert not exchange(getattr(server, door), PREFACE + b"\0\0\0\4\0\0\0\0\0").startswith(b"HTTP/1.1 2")


@pytest.mark.parametrize("door", ["http", "metrics"])
@pytest.mark.parametrize("part", ["header", "path"])
def test_headers_over_the_limit_are_refused(server: ServerProcess, door: str, part: str) -> None:
    for size in (70_000, 1 << 20):
        path = "/v2" + ("/x" * (size // 2) if part == "path" else "")
        header = "y" * (size if part == "header" else 1)
        answer = ask(getattr(server, door), f"GET {path} HTTP/1.1\r\nHost: x\r\nX: {header}\r\n\r\n".encode())
        assert answer.status in (414, 431)
    many = "".join(f"X{number}: y\r\n" for number in range(1000))
    assert ask(getattr(server, door), f"GET /v2 HTTP/1.1\r\nHost: x\r\n{many}\r\n".encode()).status == 431


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", INFER, 405),
        ("PUT", INFER, 405),
        ("BREW", INFER, 405),
        ("POST", "/v2", 405),
        ("POST", "/v2/health/ready", 405),
        ("DELETE", "/v2/models/simple", 405),
        ("GET", "/v2/repository/index", 405),
        ("OPTIONS", "*", 404),
        ("GET", "/", 404),
        ("GET", "/v3", 404),
        ("GET", "/v2/models/../../etc/passwd", 404),
        ("GET", "/v2/models/%2e%2e%2f%2e%2e%2fetc%2fpasswd/config", 404),
        ("GET", "/v2/models/%zz/config", 404),
        ("GET", "/v2/models/%ff%fe/config", 404),
        ("GET", "/v2/models/simple/versions/" + "9" * 1000, 404),
        ("GET", "/v2/models/" + "m" * 10_000, 404),
        ("GET", "http://elsewhere/v2/nothing", 404),
    ],
)
def test_paths_and_methods_that_are_none_are_told_apart(
    server: ServerProcess, method: str, path: str, status: int
) -> None:
    answer = ask(server.http, post(b"", path=path, method=method))
    assert answer.status == status
    assert json.loads(answer.body)["error"]


def test_the_metrics_port_answers_what_it_does_not_know(server: ServerProcess) -> None:
    assert ask(server.metrics, post(b"", path="/metrics")).status == 405
    assert ask(server.metrics, post(b"", path="/v2", method="GET")).status == 404
    assert ask(server.metrics, post(b"", length=1 << 40, path="/metrics")).status == 405


@pytest.mark.parametrize("door", ["http", "grpc", "metrics"])
@pytest.mark.parametrize("said", [b"", b"P", b"GET /v2 HTTP/1.1\r\nHost: x\r\nX: "])
def test_a_client_that_says_half_and_waits_is_dropped(server: ServerProcess, door: str, said: bytes) -> None:
    began = time.monotonic()
    exchange(getattr(server, door), said)
    assert time.monotonic() - began < 20


def test_headers_that_trickle_in_are_dropped_in_time(server: ServerProcess) -> None:
    with connected(server.http) as connection:
        connection.settimeout(0.05)
        began = time.monotonic()
        received = None
        connection.sendall(LIVE.removesuffix(b"\r\n"))
        while received is None and time.monotonic() - began < 20:
            try:
                connection.sendall(b"X")
                received = connection.recv(1)
            except TimeoutError:
                continue
            except (BrokenPipeError, ConnectionResetError):
                received = b""
        assert received == b""


def test_hundreds_of_slow_clients_keep_nobody_from_being_served(server: ServerProcess) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(connected(server.http)) for _ in range(600)]
        slow += [stack.enter_context(connected(server.grpc)) for _ in range(100)]
        for connection in slow:
            connection.sendall(b"P")
        began = time.monotonic()
        for _ in range(20):
            assert ask(server.http, post(GOOD_BODY)).status == 200
        assert time.monotonic() - began < 2
        for connection in slow:
            read_to_end(connection)


def test_an_idle_connection_may_stay(server: ServerProcess) -> None:
    with connected(server.http) as connection:
        stream = connection.makefile("rb")
        connection.sendall(LIVE)
        assert stream.readline().startswith(b"HTTP/1.1 200")
        exchange(server.http, b"G")  # takes as long as slow clients are given
        connection.sendall(post(GOOD_BODY, last=True))
        assert b"HTTP/1.1 200" in stream.read()


def test_a_client_that_does_not_read_its_answers_is_dropped(server: ServerProcess) -> None:
    values = b"0," * 100_000 + b"0"
    large = b'{"inputs":[{"name":"IN","datatype":"INT8","shape":[100001],"data":[' + values + b"]}]}"
    whole = post(large, path="/v2/models/int8/infer")
    with connected(server.http) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        began = time.monotonic()
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            connection.sendall(whole * 500)
        assert time.monotonic() - began < 20


def test_clients_that_leave_in_the_middle_cost_nothing(server: ServerProcess) -> None:
    whole = post(GOOD_BODY)
    for cut in (1, 30, len(whole) - len(GOOD_BODY), len(whole) - 1, len(whole)):
        for _ in range(20):
            with connected(server.http) as connection:
                connection.sendall(whole[:cut])
                # Reset in place of a farewell, as from a client that was killed.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert ask(server.http, whole).status == 200


def test_a_client_that_leaves_a_hanging_model_frees_its_place(server: ServerProcess) -> None:
    body = json.dumps(
        {
            "parameters": {"do": wish("hang_until_cancelled").parameters["do"].string_param},
            "inputs": [{"name": "IN", "datatype": "FP32", "shape": [1], "data": [1]}],
        }
    ).encode()
    path = "/v2/models/slow/infer"
    with connected(server.http) as connection:
        connection.sendall(post(body, path=path))
    good = body.replace(b"hang_until_cancelled", b"echo")

    def answered() -> Answer:
        return ask(server.http, post(good, path=path))

    wait_until(lambda: answered().status == 200, "the model to be free again")
