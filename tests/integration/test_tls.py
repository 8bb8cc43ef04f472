"""TLS and mutual TLS on both endpoints, as the clients of the package ``tritonclient`` use them."""

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.certificates import Authority, Pair
from support.clients import KINDS, Client
from support.folders import describe, write_model
from support.server import HOST, ServerProcess

SECONDS = 20.0
VALUES = np.arange(3, dtype=np.float32).reshape(1, 3)
CLIENT_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
"""How a handshake begins."""


@dataclass(frozen=True)
class Site:
    """Who signs certificates, the server's, and models."""

    authority: Authority
    pair: Pair
    repository: Path

    def flags(self, *, mutual: bool = False) -> list[str]:
        words = []
        for name in ("http", "grpc"):
            words += [f"--{name}-server-cert={self.pair.certificate}", f"--{name}-server-key={self.pair.key}"]
            words.append(f"--{name}-use-ssl{'-mutual' * mutual}=true")
            words += [f"--{name}-root-cert={self.authority.certificate}"] * mutual
        return words


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("tls")
    authority = Authority(folder)
    repository = folder / "models"
    repository.mkdir()
    write_model(repository, "echo", describe("identity"))
    return Site(authority, authority.issue("server"), repository)


@pytest.fixture(scope="module")
def encrypted(site: Site) -> Iterator[ServerProcess]:
    with ServerProcess(site.repository, *site.flags(), "--client-timeout-secs=2", plain=False) as server:
        yield server


@pytest.fixture(scope="module")
def mutual(site: Site) -> Iterator[ServerProcess]:
    with ServerProcess(site.repository, *site.flags(mutual=True), plain=False) as server:
        yield server


def secrets(kind: str, trusted: Path, own: Pair | None = None) -> dict[str, Any]:
    """Return what a kind of client is told: whom to trust, and what to show."""
    if kind.startswith("grpc"):
        shown = {"private_key": str(own.key), "certificate_chain": str(own.certificate)} if own else {}
        return {"ssl": True, "root_certificates": str(trusted), **shown}
    if kind == "http":
        shown = {"keyfile": str(own.key), "certfile": str(own.certificate)} if own else {}
        return {"ssl": True, "ssl_options": {"ca_certs": str(trusted), **shown}}
    context = ssl.create_default_context(cafile=trusted)
    if own:
        context.load_cert_chain(own.certificate, own.key)
    return {"ssl": True, "ssl_context": context}


def echo(client: Client) -> list[float]:
    return list(client.send("echo", {"INPUT0": VALUES})["OUTPUT0"].ravel())


@pytest.mark.parametrize("kind", KINDS)
def test_every_client_is_answered_over_tls(kind: str, encrypted: ServerProcess, site: Site) -> None:
    with Client(kind, encrypted, **secrets(kind, site.authority.certificate)) as client:
        assert client.is_server_ready()
        assert echo(client) == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_client_with_a_certificate_of_the_authority_is_let_in(
    kind: str, mutual: ServerProcess, site: Site
) -> None:
    own = site.authority.issue(f"client-{kind}")
    with Client(kind, mutual, **secrets(kind, site.authority.certificate, own)) as client:
        assert echo(client) == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stranger", [True, False])
def test_a_client_without_such_a_certificate_is_not(
    kind: str, mutual: ServerProcess, site: Site, tmp_path: Path, *, stranger: bool
) -> None:
    own = Authority(tmp_path, "other").issue("stranger") if stranger else None
    with (
        Client(kind, mutual, **secrets(kind, site.authority.certificate, own)) as client,
        pytest.raises(
            Exception, match=r"(?i)ssl|certificate|alert|unavailable|disconnected|handshake|closed"
        ),
    ):
        echo(client)


@pytest.mark.parametrize("kind", KINDS)
def test_a_client_without_tls_does_not_get_in(kind: str, encrypted: ServerProcess) -> None:
    with Client(kind, encrypted) as client, pytest.raises(Exception, match=r"TLS|400|UNAVAILABLE"):
        echo(client)


def test_a_client_without_tls_is_told_what_is_missing(encrypted: ServerProcess) -> None:
    status, answer = encrypted.get("/v2")
    assert status == 400
    assert b"https://" in answer
    with socket.create_connection(encrypted.grpc.split(":"), SECONDS) as plain:
        plain.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        # A client that gets settings here would try again at once, for ever.
        assert plain.recv(4096) == b""


@pytest.mark.parametrize(("door", "protocol"), [("http", "http/1.1"), ("grpc", "h2")])
def test_client_and_server_agree_on_the_protocol(
    door: str, protocol: str, encrypted: ServerProcess, site: Site
) -> None:
    context = ssl.create_default_context(cafile=site.authority.certificate)
    context.set_alpn_protocols(["h2", "http/1.1"])
    address = getattr(encrypted, door).split(":")
    with (
        socket.create_connection(address, SECONDS) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        assert secure.selected_alpn_protocol() == protocol
        assert secure.version() == "TLSv1.3"
    context.set_alpn_protocols(["spdy/1"])
    with (
        socket.create_connection(address, SECONDS) as plain,
        pytest.raises(ssl.SSLError, match=r"(?i)no.application.protocol"),
    ):
        context.wrap_socket(plain, server_hostname="localhost")


@pytest.mark.parametrize("door", ["http", "grpc"])
def test_a_handshake_that_stalls_ends_and_holds_nobody_up(
    door: str, encrypted: ServerProcess, site: Site
) -> None:
    address = getattr(encrypted, door).split(":")
    stalled = [socket.create_connection(address, SECONDS) for _ in range(20)]
    try:
        for connection in stalled[::2]:
            connection.sendall(CLIENT_HELLO)
        with Client(door, encrypted, **secrets(door, site.authority.certificate)) as client:
            assert echo(client) == [0.0, 1.0, 2.0]
        for connection in stalled:
            # The end, which comes when the time for a handshake is over.
            assert connection.recv(4096) == b""
    finally:
        for connection in stalled:
            connection.close()


@pytest.mark.parametrize("door", ["http", "grpc"])
def test_a_client_with_tls_on_a_port_without_it_is_let_go(
    door: str, server: ServerProcess, site: Site
) -> None:
    with (
        Client(door, server, **secrets(door, site.authority.certificate)) as client,
        pytest.raises(Exception, match=r"(?i)ssl|unavailable|wrong version"),
    ):
        echo(client)
    assert server.get("/v2/health/live")[0] == 200


def test_large_tensors_pass_through_tls(encrypted: ServerProcess, site: Site) -> None:
    values = np.arange(1 << 20, dtype=np.float32).reshape(1, -1)
    for kind in ("http", "grpc"):
        with Client(kind, encrypted, **secrets(kind, site.authority.certificate)) as client:
            assert np.array_equal(client.send("echo", {"INPUT0": values})["OUTPUT0"], values)


def test_requests_in_flight_end_in_order_when_the_server_stops(site: Site) -> None:
    with ServerProcess(site.repository, *site.flags(), plain=False) as server:
        context = ssl.create_default_context(cafile=site.authority.certificate)
        host, port = server.http.split(":")
        assert host == HOST
        with (
            socket.create_connection((host, int(port)), SECONDS) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as secure,
        ):
            secure.sendall(b"GET /v2/health/live HTTP/1.1\r\nHost: a\r\n\r\n")
            assert secure.recv(4096).startswith(b"HTTP/1.1 200")
            server.terminate()
            # A close that TLS vouches for, and not a connection that was cut.
            assert secure.recv(4096) == b""
        server.wait()
