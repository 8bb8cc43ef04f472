"""Requests to the shared server, good and bad, over HTTP and gRPC."""

import json
from typing import Any, Self

import grpc
from tritonclient.grpc import service_pb2

from support.server import ServerProcess

SERVICE = "/inference.GRPCInferenceService"

Message = Any
"""A protobuf message; the package of the clients has no types."""


def tensor(
    datatype: str = "FP32",
    shape: tuple[Any, ...] = (1, 4),
    data: Any = (1, 2, 3, 4),
    *,
    name: str = "IN",
    **more: Any,
) -> dict[str, Any]:
    """Make an input as JSON says it."""
    return {"name": name, "datatype": datatype, "shape": shape, "data": data, **more}


def binary(size: int, datatype: str = "FP32", shape: tuple[Any, ...] = (1, 4)) -> dict[str, Any]:
    """Make an input whose data lies behind the JSON."""
    parameters = {"binary_data_size": size}
    return {"name": "IN", "datatype": datatype, "shape": shape, "parameters": parameters}


def infer_json(server: ServerProcess, model: str, request: Any) -> tuple[int, dict[str, Any]]:
    """Send an inference as JSON; ``model`` may name a version as paths do."""
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    status, text = server.request("POST", f"/v2/models/{model}/infer", body)
    answer: dict[str, Any] = json.loads(text)
    return status, answer


def infer_binary(
    server: ServerProcess, model: str, request: Any, content: bytes, header_length: str = ""
) -> tuple[int, bytes]:
    """Send an inference whose tensors lie behind its JSON."""
    head = request if isinstance(request, bytes) else json.dumps(request).encode()
    length = header_length or str(len(head))
    path = f"/v2/models/{model}/infer"
    return server.request("POST", path, head + content, Inference_Header_Content_Length=length)


def refusal(answer: tuple[int, Any]) -> tuple[int, str]:
    """Read an answer that refuses; its status and message."""
    status, body = answer
    body = json.loads(body) if isinstance(body, bytes) else body
    assert list(body) == ["error"], body
    return status, body["error"]


def message(
    model: str = "simple",
    inputs: tuple[tuple[str, str, list[int]], ...] = (("IN", "FP32", [1, 4]),),
    raw: tuple[bytes, ...] = (b"\0" * 16,),
    **more: Any,
) -> Message:
    """Make a ``ModelInferRequest``."""
    made = service_pb2.ModelInferRequest(model_name=model, **more)
    for name, datatype, shape in inputs:
        made.inputs.add(name=name, datatype=datatype, shape=shape)
    made.raw_input_contents.extend(raw)
    return made


def wish(do: str, model: str = "naughty") -> Message:
    """Make a request that asks a naughty model for something."""
    made = message(model, (("IN", "FP32", [4]),))
    made.parameters["do"].string_param = do
    return made


class Channel:
    """A gRPC channel over which any bytes can be sent."""

    def __init__(self, server: ServerProcess) -> None:
        """Connect with the first call; the channel is this object's own, not shared with others."""
        options = [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
        self._channel = grpc.insecure_channel(server.grpc, options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *rest: object) -> None:
        self._channel.close()

    def call(self, content: Message | bytes, method: str = "ModelInfer", **options: Any) -> Any:
        """Make a call that is answered once; the status is raised if it is not OK."""
        return self._unary(method)(content, **{"timeout": 30, **options})

    def start(self, content: Message | bytes, method: str = "ModelInfer") -> Any:
        """Make a call and do not wait for its answer; it is taken back when the result is let go."""
        return self._unary(method).future(content, timeout=60)

    def _unary(self, method: str) -> Any:
        path = method if method.startswith("/") else f"{SERVICE}/{method}"
        response = getattr(service_pb2, f"{method}Response", service_pb2.ModelInferResponse)
        return self._channel.unary_unary(path, _to_bytes, response.FromString)

    def code(self, content: Message | bytes, method: str = "ModelInfer") -> str:
        """Make a call; the name of the code that it ends with."""
        try:
            self.call(content, method)
        except grpc.RpcError as error:
            name: str = error.code().name
            return name
        return "OK"

    def refused(
        self, content: Message | bytes, method: str = "ModelInfer", **options: Any
    ) -> tuple[str, str]:
        """Make a call that is refused; name of the code and message."""
        try:
            answer = self.call(content, method, **options)
        except grpc.RpcError as error:
            return error.code().name, error.details()
        raise AssertionError(f"not refused: {answer}")

    def stream(self, contents: Any, **options: Any) -> Any:
        """Open a stream of inferences."""
        call = self._channel.stream_stream(
            f"{SERVICE}/ModelStreamInfer", _to_bytes, service_pb2.ModelStreamInferResponse.FromString
        )
        return call(contents, **{"timeout": 30, **options})


def _to_bytes(content: Message | bytes) -> bytes:
    encoded: bytes = content if isinstance(content, bytes) else content.SerializeToString()
    return encoded
