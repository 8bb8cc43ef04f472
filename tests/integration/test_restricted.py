"""Parts of the protocol that take a secret, and headers that become parameters."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import numpy as np
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException

from repositories.models import read_template
from support.clients import Client
from support.folders import describe, write_model
from support.server import ServerProcess, run_to_end

SECONDS = 20.0
HTTP_KEY = "Admin-Key"
GRPC_KEY = "triton-grpc-protocol-admin-key"
SECRET = "a=secret"  # noqa: S105  it opens a server of this test
WORDS = (
    f"--http-restricted-api=model-repository,statistics,model-config:{HTTP_KEY}={SECRET}",
    "--http-restricted-api=health:probe=me",
    f"--grpc-restricted-protocol=model-repository,statistics,model-config:Admin-Key={SECRET}",
    "--grpc-restricted-protocol=shared-memory:other=key",
    "--http-header-forward-pattern=^(x-|priority)",
    "--grpc-header-forward-pattern=^(x-|priority)",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    repository = tmp_path_factory.mktemp("models")
    telling = describe("python", outputs=[("TOLD", "BYTES", [1])])
    write_model(repository, "teller", telling, {"model.py": read_template("telling")})
    with ServerProcess(repository, *WORDS, plain=False) as process:
        yield process


def secret(client: Client, value: str = SECRET) -> dict[str, Any]:
    return {"headers": {HTTP_KEY if client.is_http else GRPC_KEY: value}}


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("get_model_config", ("teller",)),
        ("get_inference_statistics", ()),
        ("get_model_repository_index", ()),
    ],
)
def test_a_part_is_open_to_those_with_the_secret_alone(
    method: str, words: tuple[str, ...], client: Client
) -> None:
    ask = getattr(client, method)
    for named in ({}, secret(client, "wrong")):
        with pytest.raises(InferenceServerException) as caught:
            ask(*words, **named)
        expected = f"This API is restricted, expecting header '{HTTP_KEY}'"
        if not client.is_http:
            expected = f"This protocol is restricted, expecting header '{GRPC_KEY[:-9]}Admin-Key'"
        assert caught.value.message() == expected
        assert caught.value.status() == ("403" if client.is_http else "StatusCode.UNAVAILABLE")
    assert ask(*words, **secret(client)) is not None


def test_what_is_not_restricted_is_open(client: Client) -> None:
    assert client.describe("get_model_metadata", "teller")["name"] == "teller"
    if not client.is_http:
        assert client.is_server_live()


def test_the_secret_is_asked_for_before_anything_else(server: ServerProcess) -> None:
    for path in ("/v2/models/teller/config", "/v2/models/nobody/config", "/v2/health/live"):
        for method in ("GET", "POST"):
            assert server.request(method, path)[0] == 403
    assert server.request("GET", "/v2/health/ready", probe="me")[0] == 200
    assert server.request("POST", "/v2/health/ready", probe="me")[0] == 405


@pytest.mark.parametrize(
    "ask",
    [
        lambda stub: stub.SystemSharedMemoryStatus(service_pb2.SystemSharedMemoryStatusRequest()),
        lambda stub: stub.CudaSharedMemoryUnregister(service_pb2.CudaSharedMemoryUnregisterRequest()),
        lambda stub: stub.RepositoryModelLoad(service_pb2.RepositoryModelLoadRequest(model_name="teller")),
    ],
)
def test_every_call_of_a_part_is_restricted(ask: Callable[[Any], object], server: ServerProcess) -> None:
    with grpc.insecure_channel(server.grpc) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            ask(stub)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "This protocol is restricted" in caught.value.details()


def parameters(client: Client, **named: Any) -> dict[str, Any]:
    told = client.send("teller", {"INPUT0": np.ones((1, 1), np.float32)}, **named)["TOLD"]
    found: dict[str, Any] = json.loads(json.loads(told.ravel()[0])["parameters"])
    return found


def test_headers_become_parameters_that_the_model_sees(client: Client) -> None:
    headers = {"x-tenant": "blue", "other": "ignored"}
    assert parameters(client, headers=headers) == {"x-tenant": "blue"}
    given = {"x-tenant": "body", "free": 1}
    assert parameters(client, headers=headers, parameters=given) == {"x-tenant": "blue", "free": 1}


def test_a_header_that_means_something_to_the_server_is_refused(client: Client) -> None:
    with pytest.raises(InferenceServerException) as caught:
        parameters(client, headers={"priority": "1"})
    assert "Header 'priority' is reserved for Triton usage and cannot be forwarded." in str(caught.value)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("--http-restricted-api=helth:a=b", "'helth': unknown; there are health, metadata"),
        ("--http-restricted-api=health:a", "expected API1,API2:KEY=VALUE"),
        ("--grpc-restricted-protocol=health:a b=c", "'a b' cannot be the name of a header"),
        ("--http-header-forward-pattern=x-(", "unclosed group"),
        ("--grpc-header-forward-pattern=*", "repetition operator missing expression"),
    ],
)
def test_what_cannot_be_is_explained_at_the_start(word: str, expected: str, tmp_path: Any) -> None:
    status, log = run_to_end(tmp_path, word)
    assert status in (1, 2)
    assert expected in log


def test_a_part_in_two_groups_is_refused(tmp_path: Any) -> None:
    words = ("--http-restricted-api=health,trace:a=b", "--http-restricted-api=health:c=d")
    status, log = run_to_end(tmp_path, *words)
    assert status == 2
    assert "'health' is restricted twice; it can be in one group only" in log
