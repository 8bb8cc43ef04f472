"""Bodies over the limit, bodies that are not packed as they say, bodies that never end."""

import gzip
import json
import zlib

import pytest

from integration.robustness.conftest import LIMIT
from integration.robustness.sockets import (
    GOOD_BODY,
    INFER,
    LIVE,
    ask,
    connected,
    post,
    read_answer,
    read_to_end,
)
from support.server import ServerProcess

CHUNKED = "Transfer-Encoding: chunked"
GIGABYTE = 1 << 30


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(content), content)


def error_of(body: bytes) -> str:
    message: str = json.loads(body)["error"]
    return message


@pytest.mark.parametrize("size", [LIMIT + 1, GIGABYTE, 2**62, 2**63 - 1])
def test_a_length_over_the_limit_is_refused_before_anything_is_sent(server: ServerProcess, size: int) -> None:
    answer = ask(server.http, post(b"", length=size))
    assert answer.status == 400
    assert "--http-max-input-size" in error_of(answer.body)


def test_a_body_over_the_limit_is_refused_and_its_connection_lives_on(server: ServerProcess) -> None:
    with connected(server.http) as connection:
        stream = connection.makefile("rb")
        for body in (b"x" * (LIMIT + 1), GOOD_BODY + b" " * (LIMIT - len(GOOD_BODY))):
            connection.sendall(post(body))
        assert read_answer(stream).status == 400
        assert read_answer(stream).status == 200


def test_chunks_over_the_limit_are_refused(server: ServerProcess) -> None:
    many = chunk(b" " * 1000) * (LIMIT // 1000 + 1) + chunk(b"")
    answer = ask(server.http, post(many, CHUNKED))
    assert answer.status == 400
    assert "--http-max-input-size" in error_of(answer.body)


@pytest.mark.parametrize("size", [b"40000000", b"7fffffffffffffff", b"ffffffffffffffff", b"zz", b"-1", b""])
def test_chunks_that_are_not_what_they_claim_end_in_a_refusal(server: ServerProcess, size: bytes) -> None:
    answer = ask(server.http, post(size + b"\r\nabc", CHUNKED))
    assert answer.status in (400, 408)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_small_body_that_unpacks_to_a_large_one_is_refused(server: ServerProcess, encoding: str) -> None:
    pack = gzip.compress if encoding == "gzip" else zlib.compress
    answer = ask(server.http, post(pack(b" " * (64 * LIMIT)), f"Content-Encoding: {encoding}"))
    assert answer.status == 400
    assert f"exceeds the maximum allowed input size of {LIMIT}" in error_of(answer.body)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("case", ["nothing", "plain", "cut", "followed", "garbage"])
def test_what_is_not_packed_as_it_says_is_refused(server: ServerProcess, encoding: str, case: str) -> None:
    packed = (gzip.compress if encoding == "gzip" else zlib.compress)(GOOD_BODY)
    bodies = {
        "nothing": b"",
        "plain": GOOD_BODY,
        "cut": packed[:-3],
        "followed": packed + b"more",
        "garbage": bytes(range(256)),
    }
    answer = ask(server.http, post(bodies[case], f"Content-Encoding: {encoding}"))
    assert answer.status == 400
    assert f"cannot be read as {encoding}" in error_of(answer.body)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "x" * 1000])
def test_unknown_encodings_are_named_with_those_there_are(server: ServerProcess, encoding: str) -> None:
    answer = ask(server.http, post(GOOD_BODY, f"Content-Encoding: {encoding}"))
    assert answer.status == 501
    assert answer.headers["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize("length", ["-1", "abc", "1 1", "+5", "0x10", "1e3", "18446744073709551616"])
def test_lengths_that_are_none_end_the_connection_with_400(server: ServerProcess, length: str) -> None:
    assert ask(server.http, post(GOOD_BODY, length=length)).status == 400


def test_two_lengths_that_differ_are_refused(server: ServerProcess) -> None:
    assert ask(server.http, post(GOOD_BODY, "Content-Length: 4")).status == 400


def test_a_body_that_stalls_is_told_so_and_dropped(server: ServerProcess) -> None:
    with connected(server.http) as connection:
        connection.sendall(post(b"{", length=10))
        answer = read_answer(connection.makefile("rb"))
        assert answer.status == 408
        assert "stalled: 1 bytes came" in error_of(answer.body)
        assert read_to_end(connection) == b""


def test_a_body_that_its_client_leaves_unsent_is_no_request(server: ServerProcess) -> None:
    before = server.get("/v2/models/simple/stats")[1]
    for _ in range(50):
        with connected(server.http) as connection:
            connection.sendall(post(GOOD_BODY, length=len(GOOD_BODY) + 1))
    assert json.loads(server.get("/v2/models/simple/stats")[1]) == json.loads(before)


def test_a_bad_request_among_pipelined_ones_costs_only_itself(server: ServerProcess) -> None:
    bad = [post(b"{"), post(b"", path="/v2/nowhere"), post(b"", path="/v2/models/nobody/infer")]
    parts = [LIVE, bad[0], post(GOOD_BODY), bad[1], bad[2], post(GOOD_BODY)]
    with connected(server.http) as connection:
        connection.sendall(b"".join(parts))
        stream = connection.makefile("rb")
        assert [read_answer(stream).status for _ in parts] == [200, 400, 200, 404, 404, 200]


def test_garbage_among_pipelined_requests_ends_them_there(server: ServerProcess) -> None:
    with connected(server.http) as connection:
        connection.sendall(LIVE + post(GOOD_BODY) + b"\0\1\2\r\n\r\n" + LIVE)
        stream = connection.makefile("rb")
        assert [read_answer(stream).status for _ in range(4)] == [200, 200, 400, 0]


@pytest.mark.parametrize("path", [INFER, "/v2/repository/index"])
def test_a_request_byte_by_byte_is_a_request(server: ServerProcess, path: str) -> None:
    body = GOOD_BODY if path == INFER else b'{"ready": true}'
    whole = post(body, path=path)
    assert ask(server.http, *(whole[index : index + 1] for index in range(len(whole)))).status == 200
