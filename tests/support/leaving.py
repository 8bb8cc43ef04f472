"""Clients that ask a model which waits for them to leave, and how they leave."""

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc

from support.folders import describe, write_model
from support.server import ServerProcess

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
            for beat in range(6000):
                (folder / "beats").write_text(str(beat))
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


def write_patient(repository: Path) -> None:
    """Write the model `patient`, which waits in the folder that it is given for its client to leave."""
    write_model(repository, "patient", describe("python", *SIGNATURE), {"model.py": PATIENT})


Leave = Callable[[], object]


def over_http(server: ServerProcess, model: str, folder: Path) -> Leave:
    """Ask over HTTP; leaves by closing the connection."""
    tensor = {"name": "FOLDER", "datatype": "BYTES", "shape": [1, 1], "data": [str(folder)]}
    connection = http.client.HTTPConnection(server.http, timeout=SECONDS)
    connection.request("POST", f"/v2/models/{model}/infer", json.dumps({"inputs": [tensor]}))
    return connection.close


def grpc_request(model: str, folder: Path) -> service_pb2.ModelInferRequest:
    """Return the request over gRPC."""
    asked = service_pb2.ModelInferRequest(model_name=model)
    tensor = asked.inputs.add(name="FOLDER", datatype="BYTES", shape=[1, 1])
    tensor.contents.bytes_contents.append(str(folder).encode())
    return asked


def over_grpc(server: ServerProcess, model: str, folder: Path) -> Leave:
    """Ask over gRPC; leaves by cancelling the call."""
    channel = grpc.insecure_channel(server.grpc)
    call = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer.future(grpc_request(model, folder))
    return lambda: (call.cancel(), channel.close())


def by_deadline(server: ServerProcess, model: str, folder: Path) -> Leave:
    """Ask over gRPC with a deadline; leaves when it passes."""
    channel = grpc.insecure_channel(server.grpc)
    infer = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer
    # Long enough for a slow machine to begin; the model waits for the end of it.
    call = infer.future(grpc_request(model, folder), timeout=2.0)

    def leave() -> None:
        assert call.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        channel.close()

    return leave


def over_a_stream(server: ServerProcess, model: str, folder: Path) -> Leave:
    """Ask over a stream; leaves by cancelling it."""
    channel = grpc.insecure_channel(server.grpc)
    open_end = threading.Event()

    def requests() -> Iterator[service_pb2.ModelInferRequest]:
        yield grpc_request(model, folder)
        open_end.wait(SECONDS)

    call = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelStreamInfer(requests())
    return lambda: (call.cancel(), open_end.set(), channel.close())


def by_a_cut(server: ServerProcess, model: str, folder: Path) -> Leave:
    """Ask over gRPC; leaves by closing the channel."""
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


def pending(server: ServerProcess, model: str = "patient") -> int:
    """Count the requests that wait for an instance of a model."""
    lines = server.get("/metrics", door="metrics")[1].decode().splitlines()
    name = f'nv_inference_pending_request_count{{model="{model}",version="1"}}'
    return next(int(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))
