"""Requests to a server, one way for each protocol that a door may speak; what comes back is plain data."""

import http.client
import json
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from trilith.build.verifying.process import HOST

SECONDS = 30.0
"""For one answer: a first inference may load libraries."""

# KServe v2: name of the datatype, of the field of its contents, and how one element lies in memory.
_DATATYPES = {
    "BOOL": ("bool_contents", "?"),
    "INT8": ("int_contents", "b"),
    "INT16": ("int_contents", "h"),
    "INT32": ("int_contents", "i"),
    "INT64": ("int64_contents", "q"),
    "UINT8": ("uint_contents", "B"),
    "UINT16": ("uint_contents", "H"),
    "UINT32": ("uint_contents", "I"),
    "UINT64": ("uint64_contents", "Q"),
    "FP32": ("fp32_contents", "f"),
    "FP64": ("fp64_contents", "d"),
}


class Refused(Exception):  # noqa: N818  says what happened
    """The server did not answer as it must."""


class Http:
    """KServe v2 over HTTP and JSON."""

    health: ClassVar = "/v2/health/ready"
    """What answers once the server is ready."""

    def __init__(self, port: int) -> None:
        """Ask on a port of this machine."""
        self.port = port

    def ready(self) -> bool:
        """Say whether the server is ready."""
        try:
            return self._ask("GET", self.health)[0] == http.client.OK
        except Refused:
            return False

    def extensions(self) -> list[str]:
        """Return what it says it can do."""
        return [str(name) for name in self._json("GET", "/v2").get("extensions", ())]

    def infer(self, model: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the outputs of one inference, by name."""
        answer = self._json("POST", f"/v2/models/{model}/infer", json.dumps(request))
        return {output["name"]: output["data"] for output in answer["outputs"]}

    def _json(self, method: str, path: str, body: str | None = None) -> Any:
        status, text = self._ask(method, path, body)
        if status != http.client.OK:
            raise Refused(f"{path} answered {status}: {text[:500]}")
        try:
            return json.loads(text)
        except ValueError as error:
            raise Refused(f"{path} answered no JSON: {error}") from error

    def _ask(self, method: str, path: str, body: str | None = None) -> tuple[int, str]:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=SECONDS)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            raise Refused(f"{path} on port {self.port}: {error}") from error
        finally:
            connection.close()


class Prometheus(Http):
    """Metrics as text."""

    health: ClassVar = "/metrics"

    def extensions(self) -> list[str]:
        """Return nothing: metrics announce nothing."""
        return []

    def infer(self, model: str, request: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002  nothing is inferred here
        """Return nothing, if the inferences of a model are counted.

        Raises:
            Refused: they are not.
        """
        text = self._ask("GET", self.health)[1]
        if f'model="{model}"' not in text:
            raise Refused(f"no metric speaks of model '{model}'")
        return {}


class Grpc:
    """KServe v2 over gRPC."""

    def __init__(self, port: int) -> None:
        """Ask on a port of this machine.

        Raises:
            Refused: there is no gRPC client here.
        """
        try:
            import grpc  # noqa: PLC0415  only where there is something to ask
        except ImportError as error:
            raise Refused("there is no gRPC client here: install grpcio") from error
        self._grpc = grpc
        self._channel = grpc.insecure_channel(
            f"{HOST}:{port}", options=[(f"{grpc.__name__}.enable_http_proxy", 0)]
        )
        self._message = _messages()

    def ready(self) -> bool:
        """Say whether the server is ready."""
        try:
            return bool(self._call("ServerReady", {}).ready)
        except Refused:
            return False

    def extensions(self) -> list[str]:
        """Return what it says it can do."""
        return list(self._call("ServerMetadata", {}).extensions)

    def infer(self, model: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the outputs of one inference, by name."""
        inputs = [
            {
                "name": tensor["name"],
                "datatype": tensor["datatype"],
                "shape": tensor["shape"],
                "contents": {_DATATYPES[tensor["datatype"]][0]: tensor["data"]},
            }
            for tensor in request["inputs"]
        ]
        answer = self._call("ModelInfer", {"model_name": model, "inputs": inputs})
        return {
            output.name: _values(output, answer.raw_output_contents, index)
            for index, output in enumerate(answer.outputs)
        }

    def _call(self, method: str, fields: Mapping[str, Any]) -> Any:
        request, answer = self._message(f"{method}Request"), self._message(f"{method}Response")
        call = self._channel.unary_unary(
            f"/inference.GRPCInferenceService/{method}",
            request_serializer=request.SerializeToString,
            response_deserializer=answer.FromString,
        )
        try:
            return call(request(**fields), timeout=SECONDS)
        except self._grpc.RpcError as error:
            raise Refused(f"{method} answered {error.code().name}: {error.details()}") from error


PROTOCOLS: dict[str, Callable[[int], Http | Grpc]] = {
    "kserve-http": Http,
    "kserve-grpc": Grpc,
    "prometheus": Prometheus,
}
"""Who asks, by what a door speaks."""


def _values(output: Any, raw: Sequence[bytes], index: int) -> list[Any]:
    field, letter = _DATATYPES[output.datatype]
    if not raw:
        return list(getattr(output.contents, field))
    return [value for (value,) in struct.iter_unpack(f"<{letter}", raw[index])]


def _messages() -> Callable[[str], Any]:
    """Return what makes message classes, from the descriptors that the extension carries."""
    from google.protobuf.descriptor_pb2 import FileDescriptorSet  # noqa: PLC0415
    from google.protobuf.descriptor_pool import DescriptorPool  # noqa: PLC0415
    from google.protobuf.message_factory import GetMessageClass  # noqa: PLC0415

    from trilith.native import file_descriptor_set  # noqa: PLC0415

    pool = DescriptorPool()
    for file in FileDescriptorSet.FromString(file_descriptor_set()).file:
        pool.AddSerializedFile(file.SerializeToString())
    return lambda name: GetMessageClass(pool.FindMessageTypeByName(f"inference.{name}"))
