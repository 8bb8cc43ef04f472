"""Mutations of valid requests: whatever comes, the answer is a refusal or a result, never a failure."""

import gzip
import json
import socket
import struct
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integration.robustness.asking import Channel, binary, message, tensor
from integration.robustness.sockets import connected, exchange, post, read_answer, read_to_end
from integration.robustness.test_grpc import CALL, DATA, END_STREAM, frame
from support.server import ServerProcess

# A thousand requests each: seconds, and minutes on a machine that is busy with other things.
pytestmark = pytest.mark.timeout(600)

bounded = settings(
    max_examples=1000,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

TOKENS = [
    *(b"null", b"true", b"-1", b"0", b"1e400", b"NaN", b"[", b"]", b"{", b"}", b'"', b",", b":", b"\\u0000"),
    *(b"9223372036854775807", b"4611686018427387904", b"18446744073709551616", b"1.5", b"[]", b"{}", b'""'),
    *(b'"inputs"', b'"outputs"', b'"name":"IN",', b'"shape"', b'"binary_data_size":', b'"BYTES"', b'"INT64"'),
    *(b"\0", b"\xff", b"\r\n", b"\x80\x80\x80\x80", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
]

Edit = tuple[str, float, int, bytes]
edits = st.lists(
    st.tuples(
        st.sampled_from(["replace", "insert", "remove", "double", "flip"]),
        st.floats(0, 1, exclude_max=True),
        st.integers(1, 24),
        st.sampled_from(TOKENS) | st.binary(min_size=1, max_size=8),
    ),
    min_size=1,
    max_size=6,
)


def apply(content: bytes, changes: list[Edit]) -> bytes:
    for kind, place, length, token in changes:
        start = int(place * (len(content) + 1))
        end = start + length
        part = content[start:end]
        middle = {
            "replace": token,
            "insert": token + part,
            "remove": b"",
            "double": part + part,
            "flip": bytes(byte ^ (1 << length % 8) for byte in part[:1]) + part[1:],
        }[kind]
        content = content[:start] + middle + content[end:]
    return content


def send_and_end(connection: socket.socket, content: bytes) -> bytes:
    """Send, say that nothing follows, and read what comes; the server may have ended it first."""
    with suppress(OSError):
        connection.sendall(content)
        connection.shutdown(socket.SHUT_WR)
    return read_to_end(connection)


def dump(request: Any) -> bytes:
    return json.dumps(request).encode()


BODIES = [
    ("simple", dump({"id": "1", "inputs": [tensor()], "outputs": [{"name": "OUT"}]})),
    ("simple", dump({"inputs": [tensor(shape=(2, 4), data=[[1, 2, 3, 4], [5, 6, 7, 8]])]})),
    ("free", dump({"parameters": {"timeout": 0, "a": "b"}, "inputs": [tensor(shape=(2, 2))]})),
    ("strings", dump({"inputs": [tensor("BYTES", (2,), ["a", "\u00e9"])]})),
    ("int8", dump({"inputs": [{"data": [1, -128], "shape": [2], "datatype": "INT8", "name": "IN"}]})),
    (
        "pair",
        dump({"inputs": [tensor("INT32", (1, 2), (1, 2), name=name) for name in ("IN0", "IN1")]}),
    ),
]
BINARY = [
    ("simple", dump({"inputs": [binary(16)], "parameters": {"binary_data_output": True}}), b"\0" * 16),
    ("free", dump({"inputs": [binary(8, shape=(2, 1))]}), b"\0" * 8),
    ("strings", dump({"inputs": [binary(11, "BYTES", (2,))]}), b"\1\0\0\0a\2\0\0\0bc"),
]
ACCEPTED = (200, 400, 404, 501)


@bounded
@given(base=st.sampled_from(BODIES), changes=edits)
def test_mutated_json(server: ServerProcess, base: tuple[str, bytes], changes: list[Edit]) -> None:
    """A body is answered with 200 or 4xx, and its connection goes on."""
    model, body = base
    with connected(server.http) as connection:
        connection.sendall(post(apply(body, changes), path=f"/v2/models/{model}/infer") + post(b"{}"))
        stream = connection.makefile("rb")
        answer = read_answer(stream)
        assert answer.status in ACCEPTED, answer
        assert read_answer(stream).status == 400


@bounded
@given(base=st.sampled_from(BINARY), changes=edits, more=edits, shift=st.integers(-3, 3))
def test_mutated_binary_tensors(
    server: ServerProcess, base: tuple[str, bytes, bytes], changes: list[Edit], more: list[Edit], shift: int
) -> None:
    """The same where tensors lie behind the JSON, and where the length of the JSON is wrong."""
    model, head, content = base
    head = apply(head, changes) if len(changes) > 1 else head
    body = head + apply(content, more)
    length = f"Inference-Header-Content-Length: {len(head) + shift}"
    with connected(server.http) as connection:
        connection.sendall(post(body, length, path=f"/v2/models/{model}/infer"))
        assert read_answer(connection.makefile("rb")).status in ACCEPTED


@bounded
@given(changes=edits, base=st.sampled_from(BODIES), encoding=st.sampled_from(["gzip", "identity"]))
def test_mutated_http(
    server: ServerProcess, changes: list[Edit], base: tuple[str, bytes], encoding: str
) -> None:
    """Any bytes are answered with something that is no failure, or not at all."""
    model, body = base
    body = gzip.compress(body) if encoding == "gzip" else body
    whole = post(body, f"Content-Encoding: {encoding}", path=f"/v2/models/{model}/infer")
    with connected(server.http) as connection:
        received = send_and_end(connection, apply(whole, changes))
    assert not received or received.startswith(b"HTTP/1.1 "), received
    status = int(received[9:12] or 0)
    assert status in (0, 100) or status < 500 or status == 501, received


MESSAGES = [
    message(),
    message("strings", (("IN", "BYTES", [2]),), (b"\1\0\0\0a\2\0\0\0bc",)),
    message("free", (("IN", "FP32", [2, 2]),), (b"\0" * 16,), id="1", model_version="1"),
    message("pair", (("IN0", "INT32", [1, 2]), ("IN1", "INT32", [1, 2])), (b"\0" * 8, b"\1" * 8)),
]
_typed = message("int8", (("IN", "INT8", [3]),), ())
_typed.inputs[0].contents.int_contents.extend([1, -2, 3])
_typed.parameters["timeout"].int64_param = 5
_typed.outputs.add(name="OUT").parameters["classification"].int64_param = 2
MESSAGES.append(_typed)

ANSWERS = ("OK", "INVALID_ARGUMENT", "NOT_FOUND", "UNIMPLEMENTED", "RESOURCE_EXHAUSTED")


@bounded
@given(base=st.sampled_from(MESSAGES), changes=edits, method=st.sampled_from(["ModelInfer", "ModelMetadata"]))
def test_mutated_messages(channel: Channel, base: Any, changes: list[Edit], method: str) -> None:
    """A message is answered, or refused as the client's mistake."""
    assert channel.code(apply(base.SerializeToString(), changes), method) in ANSWERS


@settings(bounded, max_examples=300)
@given(base=st.sampled_from(MESSAGES), changes=edits)
def test_mutated_frames(server: ServerProcess, base: Any, changes: list[Edit]) -> None:
    """Frames of whatever kind end at most their own connection."""
    body = base.SerializeToString()
    whole = CALL + frame(DATA, END_STREAM, 1, b"\0" + struct.pack(">I", len(body)) + body)
    end = frame(7, 0, 0, b"\0" * 8)
    with connected(server.grpc) as connection:
        send_and_end(connection, apply(whole, changes) + end)


def test_the_bases_of_the_mutations_are_valid(server: ServerProcess, channel: Channel) -> None:
    for model, body in BODIES:
        received = exchange(server.http, post(body, path=f"/v2/models/{model}/infer", last=True))
        assert received.startswith(b"HTTP/1.1 200"), received
    for model, head, content in BINARY:
        length = f"Inference-Header-Content-Length: {len(head)}"
        whole = post(head + content, length, path=f"/v2/models/{model}/infer", last=True)
        assert exchange(server.http, whole).startswith(b"HTTP/1.1 200")
    for base in MESSAGES:
        channel.call(base)
