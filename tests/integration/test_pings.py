"""How often gRPC connections are probed, and may be pinged: the options of gRPC's C-core."""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

from support.everyday import write_everyday_models
from support.server import ServerProcess

SECONDS = 30.0
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 4, 6, 7, 8
ENHANCE_YOUR_CALM = 11
PROBE = b"trilith!"


def frame(kind: int, content: bytes = b"", flags: int = 0) -> bytes:
    return struct.pack(">I", len(content))[1:] + bytes([kind, flags, 0, 0, 0, 0]) + content


class Peer:
    """A client that speaks HTTP/2 frame by frame."""

    def __init__(self, server: ServerProcess) -> None:
        host, port = server.grpc.split(":")
        self.socket = socket.create_connection((host, int(port)), SECONDS)
        self.socket.sendall(PREFACE + frame(SETTINGS))
        self.reader = self.socket.makefile("rb")
        # What is sent beside answers to pings forgives those that came before.
        assert self.next(WINDOW_UPDATE)[0] == WINDOW_UPDATE

    def next(self, *wanted: int) -> tuple[int, int, bytes]:
        """Wait for the next frame of these kinds: kind, flags, content; kind -1 is the end."""
        while True:
            head = self.reader.read(9)
            if len(head) < 9:
                return -1, 0, b""
            content = self.reader.read(int.from_bytes(head[:3], "big"))
            if head[3] in wanted:
                return head[3], head[4], content

    def ping(self) -> tuple[int, int, bytes]:
        """Ping; what comes of it."""
        self.socket.sendall(frame(PING, PROBE))
        return self.next(PING, GOAWAY)

    def close(self) -> None:
        self.reader.close()
        self.socket.close()


@contextmanager
def serving(repository: Path, *flags: str) -> Iterator[tuple[ServerProcess, Peer]]:
    with ServerProcess(repository, *(f"--grpc-{flag}" for flag in flags)) as server:
        peer = Peer(server)
        yield server, peer
        peer.close()


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    repository = tmp_path_factory.mktemp("models")
    write_everyday_models(repository)
    return repository


@pytest.mark.parametrize(
    ("flags", "strikes"),
    [
        (("http2-max-ping-strikes=4",), 4),
        (("http2-min-recv-ping-interval-without-data=1000000",), 2),
        (("http2-max-ping-strikes=1", "keepalive-permit-without-calls=true"), 1),
    ],
)
def test_a_client_that_pings_too_often_is_told_so_and_cut_off(
    repository: Path, flags: tuple[str, ...], strikes: int
) -> None:
    with serving(repository, *flags) as (_, peer):
        for _ in range(1 + strikes):
            assert peer.ping() == (PING, 1, PROBE)
        kind, _, content = peer.ping()
        while kind == PING:  # the answer to the last one may leave first
            kind, _, content = peer.next(PING, GOAWAY)
        assert (kind, content[4:8], content[8:]) == (
            GOAWAY,
            struct.pack(">I", ENHANCE_YOUR_CALM),
            b"too_many_pings",
        )
        assert peer.next() == (-1, 0, b"")


@pytest.mark.parametrize(
    "flags",
    [
        (),
        ("http2-max-ping-strikes=0",),
        ("keepalive-permit-without-calls=true", "http2-min-recv-ping-interval-without-data=0"),
    ],
)
def test_pings_are_answered_where_nothing_bounds_them(repository: Path, flags: tuple[str, ...]) -> None:
    with serving(repository, *flags) as (_, peer):
        for _ in range(50):
            assert peer.ping() == (PING, 1, PROBE)


def test_an_idle_connection_is_not_probed_where_that_is_not_permitted(repository: Path) -> None:
    # Probed, a peer that answers no probe would be cut off after 200 ms.
    probing = ("keepalive-time=100", "keepalive-timeout=100")
    with serving(repository, *probing, "keepalive-permit-without-calls=false") as (_, peer):
        peer.socket.settimeout(1.0)
        with pytest.raises(TimeoutError):
            peer.next(PING, GOAWAY)
    with serving(repository, *probing) as (_, peer):
        assert peer.next(PING) == (PING, 0, peer_probe())
        assert peer.next(PING)[0] == -1


def peer_probe() -> bytes:
    """Return what this server's probes hold."""
    return bytes.fromhex("3b7cdb7a0b8716b4")


def test_probes_without_data_are_bounded(repository: Path) -> None:
    flags = ("keepalive-time=50", "keepalive-timeout=5000", "http2-max-pings-without-data=2")
    with serving(repository, *flags) as (_, peer):
        for _ in range(2):
            kind, flags_seen, content = peer.next(PING)
            assert (kind, flags_seen) == (PING, 0)
            peer.socket.sendall(frame(PING, content, flags=1))
        peer.socket.settimeout(1.0)
        with pytest.raises(TimeoutError):
            peer.next(PING, GOAWAY)


def test_calls_go_on_as_ever_while_pings_are_counted(repository: Path) -> None:
    flags = ("http2-max-ping-strikes=2", "http2-max-pings-without-data=2", "keepalive-permit-without-calls=0")
    with serving(repository, *flags) as (server, _), grpc.insecure_channel(server.grpc) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        for size in (1, 10, 300_000):
            asked = service_pb2.ModelInferRequest(model_name="identity_fp32")
            asked.inputs.add(name="INPUT0", datatype="FP32", shape=[1, size])
            asked.raw_input_contents.append(bytes(4 * size))
            for _ in range(20):
                assert stub.ModelInfer(asked, timeout=SECONDS).raw_output_contents == [bytes(4 * size)]
