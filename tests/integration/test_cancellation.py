"""A client that gives up is told to the model that works for it, whichever way it came and left."""

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

from support.folders import describe, write_model
from support.server import ServerProcess, wait_until

SECONDS = 30.0
PATIENT = """
import time
from pathlib import Path
import numpy
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def execute(self, requests):
        responses = []
        for request in requests:
            folder = Path(pb_utils.get_input_tensor_by_name(request, "FOLDER").as_numpy().ravel()[0].decode())
            (folder / "began").touch()
            for _ in range(6000):
                if request.is_cancelled():
                    (folder / "cancelled").touch()
                    break
                time.sleep(0.005)
            else:
                (folder / "overlooked").touch()
            told = pb_utils.Tensor("TOLD", numpy.array([[b"done"]], dtype=object))
            responses.append(pb_utils.InferenceResponse([told]))
        return responses
"""
SIGNATURE = ([("FOLDER", "BYTES", [1])], [("TOLD", "BYTES", [1])])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    repository = tmp_path_factory.mktemp("models")
    write_model(repository, "patient", describe("python", *SIGNATURE), {"model.py": PATIENT})
    with ServerProcess(repository, tolerates=r"cancel") as process:
        yield process


Leave = Callable[[], object]


def over_http(server: ServerProcess, model: str, folder: Path) -> Leave:
    tensor = {"name": "FOLDER", "datatype": "BYTES", "shape": [1, 1], "data": [str(folder)]}
    connection = http.client.HTTPConnection(server.http, timeout=SECONDS)
    connection.request("POST", f"/v2/models/{model}/infer", json.dumps({"inputs": [tensor]}))
    return connection.close


def grpc_request(model: str, folder: Path) -> service_pb2.ModelInferRequest:
    asked = service_pb2.ModelInferRequest(model_name=model)
    tensor = asked.inputs.add(name="FOLDER", datatype="BYTES", shape=[1, 1])
    tensor.contents.bytes_contents.append(str(folder).encode())
    return asked


def over_grpc(server: ServerProcess, model: str, folder: Path) -> Leave:
    channel = grpc.insecure_channel(server.grpc)
    call = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer.future(grpc_request(model, folder))
    return lambda: (call.cancel(), channel.close())


def by_deadline(server: ServerProcess, model: str, folder: Path) -> Leave:
    channel = grpc.insecure_channel(server.grpc)
    infer = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer
    # Long enough for a slow machine to begin; the model waits for the end of it.
    call = infer.future(grpc_request(model, folder), timeout=2.0)

    def leave() -> None:
        assert call.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        channel.close()

    return leave


def over_a_stream(server: ServerProcess, model: str, folder: Path) -> Leave:
    channel = grpc.insecure_channel(server.grpc)
    open_end = threading.Event()

    def requests() -> Iterator[service_pb2.ModelInferRequest]:
        yield grpc_request(model, folder)
        open_end.wait(SECONDS)

    call = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelStreamInfer(requests())
    return lambda: (call.cancel(), open_end.set(), channel.close())


def by_a_cut(server: ServerProcess, model: str, folder: Path) -> Leave:
    channel = grpc.insecure_channel(server.grpc)
    call = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer.future(grpc_request(model, folder))
    # A call that nobody holds is cancelled at once.
    return lambda: (channel.close(), call)


ROADS = {
    "http": over_http,
    "grpc": over_grpc,
    "deadline": by_deadline,
    "stream": over_a_stream,
    "cut": by_a_cut,
}


@pytest.mark.parametrize("road", ROADS)
def test_a_model_at_work_learns_that_its_client_has_gone(
    road: str, server: ServerProcess, tmp_path: Path
) -> None:
    leave = ROADS[road](server, "patient", tmp_path)
    wait_until((tmp_path / "began").exists, "the model to begin", SECONDS)
    leave()
    wait_until((tmp_path / "cancelled").exists, "the model to learn of it", SECONDS)


@pytest.mark.parametrize("road", ["http", "grpc", "stream", "cut"])
def test_a_request_that_waits_for_an_instance_never_reaches_it(
    road: str, server: ServerProcess, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    end_first = over_http(server, "patient", first)
    wait_until((first / "began").exists, "the model to begin", SECONDS)
    leave = ROADS[road](server, "patient", second)
    wait_until(lambda: pending(server) == 1, "the second request to wait", SECONDS)
    leave()
    wait_until(lambda: pending(server) == 0, "the second request to leave", SECONDS)
    end_first()
    wait_until((first / "cancelled").exists, "the model to learn of it", SECONDS)
    assert list(second.iterdir()) == []


def pending(server: ServerProcess) -> int:
    """Count the requests that wait for an instance of the model."""
    lines = server.get("/metrics", door="metrics")[1].decode().splitlines()
    name = 'nv_inference_pending_request_count{model="patient",version="1"}'
    return next(int(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))
