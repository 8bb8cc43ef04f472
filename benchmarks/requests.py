"""One inference request, encoded for HTTP as the load generator will send it."""

import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.models import FIRST_SEQUENCE, Model, example_input
from benchmarks.regions import place


@dataclass(frozen=True)
class Request:
    """A path, headers and a body, ready to be sent as they are."""

    path: str
    headers: dict[str, str]
    body: bytes


def http_json(model: Model) -> Request:
    """Put the tensor as a JSON array; the reply comes as JSON too."""
    data = example_input(model)
    tensor = _description(model, data) | {"data": data.ravel().tolist()}
    body = json.dumps({"inputs": [tensor]}).encode()
    return Request(_path(model), {"Content-Type": "application/json"}, body)


def http_binary(model: Model) -> Request:
    """Put the tensor as raw bytes behind a JSON header; the reply likewise."""
    if model.shared:
        return _http_shared(model)
    data = example_input(model)
    tensor = _description(model, data) | {"parameters": {"binary_data_size": data.nbytes}}
    parameters: dict[str, object] = {"binary_data_output": True}
    if model.sequences:
        parameters["sequence_id"] = FIRST_SEQUENCE
    header = json.dumps({"inputs": [tensor], "parameters": parameters}).encode()
    headers = {
        "Content-Type": "application/octet-stream",
        "Inference-Header-Content-Length": str(len(header)),
    }
    return Request(_path(model), headers, header + data.tobytes())


def _http_shared(model: Model) -> Request:
    """Say where the tensors lie; neither is in request or reply."""
    tensor = _description(model, example_input(model)) | {"parameters": place(model, model.input.name)}
    output = {"name": model.output.name, "parameters": place(model, model.output.name)}
    body = json.dumps({"inputs": [tensor], "outputs": [output]}).encode()
    return Request(_path(model), {"Content-Type": "application/json"}, body)


def grpc_frame(message: bytes) -> bytes:
    """Frame a message as gRPC puts it on a stream: one byte of flags, four of length, the message."""
    return b"\x00" + len(message).to_bytes(4, "big") + message


def _path(model: Model) -> str:
    return f"/v2/models/{model.name}/infer"


def _description(model: Model, data: NDArray[np.generic]) -> dict[str, object]:
    return {"name": model.input.name, "shape": list(data.shape), "datatype": model.input.datatype}
