"""Answers of either server, in a form that can be compared."""

import gzip
import http.client
import json
import zlib
from dataclasses import dataclass, field
from typing import Any

import grpc
from benchmarks.servers import Server
from google.protobuf.json_format import MessageToDict
from tritonclient.grpc import service_pb2_grpc

from differential.probes_grpc import GrpcProbe
from differential.probes_http import HttpProbe
from support.exposition import parse

TIMEOUT_SECONDS = 20.0
HEADERS = ("content-type", "inference-header-content-length", "content-encoding")


@dataclass(frozen=True)
class Answer:
    """What came back: status, what was said, and of an error the message."""

    status: str
    content: Any = None
    message: str = ""
    headers: dict[str, str] = field(default_factory=dict)


def ask_http(server: Server, probe: HttpProbe) -> Answer:
    """Send one request."""
    connection = http.client.HTTPConnection(server.host, server.http_port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request(probe.method, probe.path, probe.body, probe.headers)
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        return Answer(type(error).__name__)
    finally:
        connection.close()
    headers = {key.lower(): value for key, value in answer.getheaders() if key.lower() in HEADERS}
    content = _read_body(body, headers)
    if answer.status == http.HTTPStatus.OK:
        return Answer(str(answer.status), content, headers=headers)
    message = content.get("error", "") if isinstance(content, dict) else str(content)
    return Answer(str(answer.status), None, message, headers)


def _read_body(body: bytes, headers: dict[str, str]) -> Any:
    encoding = headers.get("content-encoding")
    if encoding:
        body = gzip.decompress(body) if encoding == "gzip" else zlib.decompress(body)
    length = headers.pop("inference-header-content-length", None)
    if length is not None:
        return {"head": json.loads(body[: int(length)]), "tail": body[int(length) :].hex()}
    try:
        return json.loads(body) if body else ""
    except ValueError:
        return body.decode(errors="replace")


def ask_stream(channel: grpc.Channel, probe: GrpcProbe) -> Answer:
    """Send the request of a probe over a stream of its own; all that comes back."""
    stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
    try:
        responses = [
            MessageToDict(response, preserving_proto_field_name=True)
            for response in stub.ModelStreamInfer(iter([probe.request]), timeout=TIMEOUT_SECONDS)
        ]
    except grpc.RpcError as error:
        return Answer(error.code().name, None, error.details() or "")
    messages = [response.pop("error_message", "") for response in responses]
    content = {str(place): response for place, response in enumerate(responses)}
    return Answer(f"OK with {sum(map(bool, messages))} errors", content, "".join(messages))


def scrape(server: Server) -> Answer:
    """Read the metrics: kinds of all families, and the names of labels that their samples bear."""
    connection = http.client.HTTPConnection(server.host, server.metrics_port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/metrics")
        found = parse(connection.getresponse().read().decode())
    finally:
        connection.close()
    labels = {
        name: sorted({label for labels in series for label, _ in labels if "gpu" not in label})
        for name, series in found.samples.items()
    }
    counted = {
        f"{name}{sorted(labels)}": value
        for name, series in found.samples.items()
        for labels, value in series.items()
        if ("model", "counted") in labels and not name.endswith("_us")
    }
    return Answer("200", {"kinds": found.kinds, "labels": labels, "counted": counted})


def ask_grpc(channel: grpc.Channel, probe: GrpcProbe) -> Answer:
    """Make one call."""
    stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
    try:
        response = getattr(stub, probe.method)(probe.request, timeout=TIMEOUT_SECONDS)
    except grpc.RpcError as error:
        return Answer(error.code().name, None, error.details() or "")
    return Answer("OK", MessageToDict(response, preserving_proto_field_name=True))
