"""Calls that do not fit, messages that are none, frames against the rules: each is answered or ended."""

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import grpc
import pytest
from tritonclient.grpc import service_pb2

from integration.robustness.asking import SERVICE, Channel, message, wish
from integration.robustness.conftest import LIMIT
from integration.robustness.sockets import connected, exchange
from support.server import ServerProcess

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RESET, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 8, 9
END_STREAM, END_HEADERS = 1, 4

MISFITS: dict[str, tuple[Any, str, str]] = {
    "no such model": (message("nobody"), "NOT_FOUND", "there is no model 'nobody'"),
    "no model": (b"", "NOT_FOUND", "there is no model ''"),
    "no such version": (message(model_version="7"), "NOT_FOUND", "ready versions: 1"),
    "a version that is none": (message(model_version="x"), "INVALID_ARGUMENT", "version 'x' is not a"),
    "a negative version": (message(model_version="-1"), "INVALID_ARGUMENT", "version '-1'"),
    "not loaded": (message("stillborn"), "NOT_FOUND", "ended with exit status 7"),
    "no input": (message(inputs=(), raw=()), "INVALID_ARGUMENT", "it is required and missing"),
    "an input twice": (
        message(inputs=(("IN", "FP32", [1, 4]),) * 2, raw=(b"\0" * 16,) * 2),
        "INVALID_ARGUMENT",
        "more than once",
    ),
    "a misnamed input": (message(inputs=(("In", "FP32", [1, 4]),)), "INVALID_ARGUMENT", "did you mean 'IN'?"),
    "another datatype": (message(inputs=(("IN", "FP64", [1, 2]),)), "INVALID_ARGUMENT", "FP32 was expected"),
    "no such datatype": (
        message(inputs=(("IN", "FP", [1, 4]),)),
        "INVALID_ARGUMENT",
        "'FP' is not a datatype",
    ),
    "another rank": (message(inputs=(("IN", "FP32", [4]),)), "INVALID_ARGUMENT", "[4] was given"),
    "a batch over the limit": (
        message(inputs=(("IN", "FP32", [9, 4]),), raw=(b"\0" * 144,)),
        "INVALID_ARGUMENT",
        "takes 1 to 8",
    ),
    "too few bytes": (message(raw=(b"\0" * 15,)), "INVALID_ARGUMENT", "takes 16 bytes, 15 were given"),
    "no bytes": (message(raw=()), "INVALID_ARGUMENT", "has no data"),
    "more contents than inputs": (message(raw=(b"",) * 3), "INVALID_ARGUMENT", "1 inputs and 3 entries"),
    "lengths that lie": (
        message("strings", (("IN", "BYTES", [1]),), (b"\xff\xff\xff\xffa",)),
        "INVALID_ARGUMENT",
        "runs past the end of the 5 bytes",
    ),
}


@pytest.mark.parametrize("case", MISFITS)
def test_what_does_not_fit_is_refused_with_its_code(channel: Channel, case: str) -> None:
    content, code, expected = MISFITS[case]
    given = channel.refused(content)
    assert given[0] == code
    assert expected in given[1]


@pytest.mark.parametrize("extent", [-1, -(2**63), 2**61, 2**62, 2**63 - 1])
@pytest.mark.parametrize("other", [0, 1, 4, -1, 2**62])
def test_shapes_that_no_memory_holds_are_refused(channel: Channel, extent: int, other: int) -> None:
    for shape in ([extent, other], [other, extent]):
        typed = message("free", (("IN", "FP32", shape),), ())
        typed.inputs[0].contents.fp32_contents.append(1)
        for content in (message("free", (("IN", "FP32", shape),), (b"",)), typed):
            assert channel.refused(content)[0] == "INVALID_ARGUMENT"


def test_strings_cannot_be_classified(channel: Channel) -> None:
    content = message("strings", (("IN", "BYTES", [1]),), (b"\1\0\0\0a",))
    content.outputs.add(name="OUT").parameters["classification"].int64_param = 1
    code, error = channel.refused(content)
    assert (code, "cannot be classified" in error) == ("INVALID_ARGUMENT", True)


@pytest.mark.parametrize("value", [0, -1, 2**32, 2**63 - 1])
def test_numbers_of_classes_that_cannot_be_are_refused(channel: Channel, value: int) -> None:
    content = message()
    content.outputs.add(name="OUT").parameters["classification"].int64_param = value
    assert channel.refused(content)[0] == "INVALID_ARGUMENT"


GARBAGE = {
    "ones": b"\xff" * 100,
    "a cut": message().SerializeToString()[:-5],
    "a group": b"\x0b\x0c",
    "nested lengths": b"\x2a\x04" * 1000,
    "a length that lies": b"\x0a\xff\xff\xff\xff\x0f",
    "a length over 64 bits": b"\x0a" + b"\xff" * 10 + b"\x01",
    "no UTF-8": b"\x0a\x02\xff\xfe",
    "a wire type that is none": b"\x0f",
}


@pytest.mark.parametrize("case", GARBAGE)
@pytest.mark.parametrize("method", ["ModelInfer", "ModelMetadata", "ModelConfig", "ModelStatistics"])
def test_messages_that_are_none_are_refused(channel: Channel, method: str, case: str) -> None:
    code, error = channel.refused(GARBAGE[case], method)
    assert code == "INVALID_ARGUMENT"
    assert "not valid protobuf" in error


@pytest.mark.parametrize("method", ["Nothing", "/nobody.Service/Nothing", "/", "ModelInferOnce"])
def test_calls_that_nobody_answers_are_unimplemented(channel: Channel, method: str) -> None:
    assert channel.refused(b"", method)[0] == "UNIMPLEMENTED"


@pytest.mark.parametrize("letter", ["n", "é", " ", "\0", "語"])
def test_long_names_come_back_in_a_message_that_clients_take(channel: Channel, letter: str) -> None:
    code, error = channel.refused(message(letter * 100_000))
    assert code == "NOT_FOUND"
    assert error.startswith(f"there is no model '{letter}{letter}")
    code, error = channel.refused(message(inputs=((letter * 100_000, "FP32", [1, 4]),)))
    assert code == "INVALID_ARGUMENT"


def test_messages_over_the_limit_are_refused(channel: Channel) -> None:
    for compression in (None, grpc.Compression.Gzip, grpc.Compression.Deflate):
        for size in (LIMIT, 16 * LIMIT):
            code, error = channel.refused(message(raw=(b"\0" * size,)), compression=compression)
            assert code == "RESOURCE_EXHAUSTED"
            assert f"{LIMIT}" in error


def test_thousands_of_parameters_and_tensors_are_refused_at_once(channel: Channel) -> None:
    many = message()
    of_input = message()
    for number in range(20_000):
        many.parameters[f"p{number}"].int64_param = number
        of_input.inputs[0].parameters[f"p{number}"].int64_param = number
    began = time.monotonic()
    for content in (many, of_input, b"\x2a\x00" * 400_000, b"\x3a\x00" * 400_000):
        assert channel.refused(content)[0] == "INVALID_ARGUMENT"
    assert time.monotonic() - began < 1


def test_a_bad_request_in_a_stream_is_answered_in_its_place(channel: Channel) -> None:
    contents = [message(id="1"), b"\xff" * 9, message("nobody", id="3"), message(raw=(b"",)), message(id="5")]
    answers = list(channel.stream(iter(contents)))
    assert [bool(answer.error_message) for answer in answers] == [False, True, True, True, False]
    assert [answers[0].infer_response.id, answers[4].infer_response.id] == ["1", "5"]


def test_a_message_over_the_limit_ends_its_stream_alone(channel: Channel) -> None:
    def ask() -> Iterator[Any]:
        yield message(raw=(b"\0" * LIMIT,))

    with pytest.raises(grpc.RpcError) as caught:
        list(channel.stream(ask()))
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    channel.call(message())


def test_cutting_many_streams_of_a_connection_leaves_the_others_alone(channel: Channel) -> None:
    release = threading.Event()

    def ask() -> Iterator[Any]:
        yield message(id="first")
        release.wait(30)
        yield message(id="last")

    staying = channel.stream(ask())
    assert next(staying).infer_response.id == "first"
    for _ in range(5):
        cut = [channel.stream(iter([wish("hang_until_cancelled", "slow"), message()])) for _ in range(32)]
        channel.call(message())
        for stream in cut:
            stream.cancel()
    release.set()
    assert [answer.infer_response.id for answer in staying] == ["last"]
    channel.call(wish("echo", "slow"))


def test_a_connection_with_streams_that_vanishes_frees_what_it_held(server: ServerProcess) -> None:
    with Channel(server) as leaving:
        streams = [leaving.stream(iter([wish("hang_until_cancelled", "slow")] * 4)) for _ in range(16)]
        leaving.call(message())
    assert all(not stream.is_active() for stream in streams)
    with Channel(server) as staying:
        staying.call(wish("echo", "slow"))


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def literal(name: bytes, value: bytes) -> bytes:
    return bytes([0, len(name)]) + name + bytes([len(value)]) + value


def head(content_type: bytes = b"application/grpc", method: bytes = b"POST") -> bytes:
    fields = {
        b":method": method,
        b":scheme": b"http",
        b":path": f"{SERVICE}/ModelInfer".encode(),
        b":authority": b"x",
        b"content-type": content_type,
    }
    return b"".join(literal(*field) for field in fields.items())


OPEN = PREFACE + frame(SETTINGS, 0, 0, b"")
CALL = OPEN + frame(HEADERS, END_HEADERS, 1, head())

FATAL = {
    "garbage behind the preface": PREFACE + b"\xff" * 100,
    "a frame over the limit": OPEN + b"\xff\xff\xff\0\0\0\0\0\1",
    "headers that cannot be read": OPEN + frame(HEADERS, END_HEADERS, 1, b"\xff" * 50),
    "data on stream 0": OPEN + frame(DATA, 0, 0, b"x"),
    "an even stream": OPEN + frame(HEADERS, END_HEADERS, 2, head()),
    "a flood of continuations": OPEN
    + frame(HEADERS, 0, 1, head())
    + frame(CONTINUATION, 0, 1, literal(b"a", b"b" * 100)) * 3000,
    "a window that overflows": OPEN + frame(WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff") * 2,
    "a window of nothing": OPEN + frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\0"),
    "a name in capitals": OPEN + frame(HEADERS, END_HEADERS, 1, head() + literal(b"ABC", b"x")),
}


@pytest.mark.parametrize("case", FATAL)
def test_frames_that_break_the_rules_end_their_connection(server: ServerProcess, case: str) -> None:
    exchange(server.grpc, FATAL[case])


def test_a_flood_of_calls_that_are_taken_back_harms_nobody_else(
    server: ServerProcess, channel: Channel
) -> None:
    flood = b"".join(
        frame(HEADERS, END_HEADERS, number, head()) + frame(RESET, 0, number, b"\0\0\0\x08")
        for number in range(1, 40_001, 2)
    )
    with connected(server.grpc) as connection, suppress(ConnectionError):
        connection.sendall(OPEN + flood)
        channel.call(message())


ANSWERED = {
    "another content type": OPEN + frame(HEADERS, END_HEADERS | END_STREAM, 1, head(b"text/html")),
    "another method": OPEN + frame(HEADERS, END_HEADERS | END_STREAM, 1, head(method=b"GET")),
    "a message cut": CALL + frame(DATA, END_STREAM, 1, b"\0\0\0\0\x05a"),
    "half a prefix": CALL + frame(DATA, END_STREAM, 1, b"\0\0"),
    "a gigabyte announced": CALL + frame(DATA, 0, 1, b"\0\x40\0\0\0a"),
    "packed by nobody knows what": CALL + frame(DATA, END_STREAM, 1, b"\1\0\0\0\1a"),
    "a flag that is none": CALL + frame(DATA, END_STREAM, 1, b"\7\0\0\0\1a"),
}


@pytest.mark.parametrize("case", ANSWERED)
def test_calls_that_make_no_sense_are_answered(server: ServerProcess, case: str) -> None:
    with connected(server.grpc) as connection:
        connection.sendall(ANSWERED[case])
        received = b""
        while not _has_frame(received, HEADERS, 1):
            part = connection.recv(1 << 16)
            assert part, received
            received += part


def _has_frame(received: bytes, kind: int, stream: int) -> bool:
    while len(received) >= 9:
        length = int.from_bytes(received[:3], "big")
        if received[3] == kind and int.from_bytes(received[5:9], "big") == stream:
            return True
        received = received[9 + length :]
    return False


def test_unread_answers_hold_up_their_own_connection_only(server: ServerProcess, channel: Channel) -> None:
    """A client that opens no window gets no answer; everyone else does."""
    body = service_pb2.ModelInferRequest.SerializeToString(message())
    closed = PREFACE + frame(SETTINGS, 0, 0, b"\0\4\0\0\0\0")
    framed = b"\0" + len(body).to_bytes(4, "big") + body
    calls = b"".join(
        frame(HEADERS, END_HEADERS, number, head()) + frame(DATA, END_STREAM, number, framed)
        for number in range(1, 401, 2)
    )
    with connected(server.grpc) as connection:
        connection.sendall(closed + calls)
        for _ in range(20):
            channel.call(message())
