"""Ports and addresses: shared by servers, taken, left out."""

from pathlib import Path

import pytest

from support.folders import describe, write_model
from support.server import ServerProcess, run_to_end


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    repository = tmp_path_factory.mktemp("models")
    write_model(repository, "echo", describe("identity"))
    return repository


def test_servers_that_agree_share_their_ports(repository: Path) -> None:
    shared = ("--reuse-http-port=true", "--reuse-grpc-port=1")
    with ServerProcess(repository, *shared) as first:
        ports = [f"--{name}-port={getattr(first, name).rsplit(':')[-1]}" for name in ("http", "grpc")]
        status, log = run_to_end(repository, "--http-address=127.0.0.1", ports[0])
        assert status == 1
        assert "Address already in use" in log
        assert "choose another with --http-port" in log
        with ServerProcess(repository, *shared, *ports, "--id=second") as second:
            assert (second.http, second.grpc) == (first.http, first.grpc)
            names = {second.get("/v2")[1].split(b'"')[3] for _ in range(200)}
            assert names == {b"triton", b"second"}


def test_an_endpoint_that_is_not_allowed_is_not_there(repository: Path) -> None:
    with ServerProcess(repository, "--allow-http=false", "--allow-grpc=false", plain=False) as server:
        assert server.get("/metrics", door="metrics")[0] == 200
        assert "HTTP on" not in server.log
        assert "gRPC on" not in server.log


def test_metrics_have_an_address_of_their_own(repository: Path) -> None:
    with ServerProcess(repository, "--metrics-address=127.0.0.2") as server:
        assert "metrics on 127.0.0.2:" in server.log
