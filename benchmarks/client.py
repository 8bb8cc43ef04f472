"""The real clients: what is sent before, during and after a load to see that answers are right.

Everything here needs `tritonclient` and `grpc`, which live in the peers' environment.
"""

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import grpc
import numpy as np
import tritonclient.grpc
import tritonclient.http
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from tritonclient.grpc import service_pb2
from tritonclient.utils import InferenceServerException

from benchmarks import regions, requests, streams
from benchmarks.errors import ServerError, WrongAnswerError
from benchmarks.models import FIRST_SEQUENCE, Model, example_input
from benchmarks.requests import Request
from benchmarks.scenarios import Protocol
from benchmarks.servers import Server

INFER_METHOD = "/inference.GRPCInferenceService/ModelInfer"
# A reply of a batch of 1 MiB tensors is larger than gRPC's usual four megabytes.
CHANNEL_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
TIMEOUT_SECONDS = 30.0
# A refused or broken connection, a failing status, a reply that cannot be read.
FOREIGN_ERRORS = (
    InferenceServerException,
    grpc.RpcError,
    DecodeError,
    http.client.HTTPException,
    OSError,
    LookupError,
    ValueError,
)


def infer(server: Server, model: Model, protocol: Protocol) -> NDArray[np.generic]:
    """Ask once through tritonclient, as a user would, and give back the output tensor."""
    with translated(model, protocol):
        if protocol is Protocol.GRPC:
            return _infer_grpc(server, model)
        return _infer_http(server, model, binary=protocol is Protocol.HTTP_BINARY)


def _infer_http(server: Server, model: Model, *, binary: bool) -> NDArray[np.generic]:
    data = example_input(model)
    with tritonclient.http.InferenceServerClient(f"{server.host}:{server.http_port}") as client:
        tensor = tritonclient.http.InferInput(model.input.name, list(data.shape), model.input.datatype)
        output = tritonclient.http.InferRequestedOutput(
            model.output.name, binary_data=binary and not model.shared
        )
        if model.shared:
            _place(tensor, output, model)
        else:
            tensor.set_data_from_numpy(data, binary_data=binary)
        # Every sequence of the load is started here, the first one last: its answer is given back.
        flags = [
            {"sequence_id": FIRST_SEQUENCE + index, "sequence_start": True}
            for index in range(model.sequences)
        ]
        for flag in reversed(flags[1:]):
            client.infer(model.name, [tensor], outputs=[output], **flag)
        return _output(client.infer(model.name, [tensor], outputs=[output], **(flags or [{}])[0]), model)


def _infer_grpc(server: Server, model: Model) -> NDArray[np.generic]:
    if model.responses > 1:
        return streams.infer(server, model, TIMEOUT_SECONDS)
    data = example_input(model)
    with tritonclient.grpc.InferenceServerClient(f"{server.host}:{server.grpc_port}") as client:
        tensor = tritonclient.grpc.InferInput(model.input.name, list(data.shape), model.input.datatype)
        output = tritonclient.grpc.InferRequestedOutput(model.output.name)
        if model.shared:
            _place(tensor, output, model)
        else:
            tensor.set_data_from_numpy(data)
        result = client.infer(model.name, [tensor], outputs=[output], client_timeout=TIMEOUT_SECONDS)
        return _output(result, model)


def _place(
    tensor: tritonclient.http.InferInput | tritonclient.grpc.InferInput,
    output: tritonclient.http.InferRequestedOutput | tritonclient.grpc.InferRequestedOutput,
    model: Model,
) -> None:
    for placed, name in ((tensor, model.input.name), (output, model.output.name)):
        placed.set_shared_memory(*regions.place(model, name).values())


def _output(
    result: tritonclient.http.InferResult | tritonclient.grpc.InferResult, model: Model
) -> NDArray[np.generic]:
    if model.shared:
        return regions.read_output(model)
    tensor = result.as_numpy(model.output.name)
    if tensor is None:
        raise WrongAnswerError(f"Model {model.name}: the reply holds no output {model.output.name}.")
    return np.asarray(tensor)


def grpc_message(model: Model) -> bytes:
    """Build the example request as a serialized ModelInferRequest."""
    data = example_input(model)
    message = service_pb2.ModelInferRequest(model_name=model.name)
    tensor = message.inputs.add(name=model.input.name, datatype=model.input.datatype)
    tensor.shape.extend(data.shape)
    if model.shared:
        output = message.outputs.add(name=model.output.name)
        for placed in (tensor, output):
            _set_parameters(placed.parameters, regions.place(model, placed.name))
    else:
        message.raw_input_contents.append(data.tobytes())
    return bytes(message.SerializeToString())


def _set_parameters(target: Any, values: Mapping[str, str | int]) -> None:
    for name, value in values.items():
        if isinstance(value, str):
            target[name].string_param = value
        else:
            target[name].int64_param = value


def request(model: Model, protocol: Protocol) -> Request:
    """Build the example request as the load generator sends it."""
    if protocol is Protocol.HTTP_JSON:
        return requests.http_json(model)
    if protocol is Protocol.HTTP_BINARY:
        return requests.http_binary(model)
    headers = {"content-type": "application/grpc", "te": "trailers"}
    method = streams.STREAM_METHOD if model.responses > 1 else INFER_METHOD
    return Request(method, headers, requests.grpc_frame(grpc_message(model)))


@contextmanager
def translated(model: Model, wire: str) -> Iterator[None]:
    """Turn what the clients' libraries raise into a wrong answer that names the model and the wire."""
    try:
        yield
    except FOREIGN_ERRORS as error:
        raise WrongAnswerError(f"Model {model.name} over {wire}: {type(error).__name__}: {error}") from error


@contextmanager
def exchange(server: Server, model: Model, protocol: Protocol) -> Iterator["Exchange"]:
    """Open a connection on which the exact request of the load can be asked again and again."""
    opened = Exchange(server, model, protocol)
    try:
        yield opened
    finally:
        opened.close()


class Exchange:
    """Sends the exact bytes of the load and reads the replies."""

    def __init__(self, server: Server, model: Model, protocol: Protocol) -> None:
        """Connect lazily: the first `ask` opens the socket."""
        self.model = model
        self.protocol = protocol
        self._request = request(model, protocol)
        self._http = http.client.HTTPConnection(server.host, server.http_port, timeout=TIMEOUT_SECONDS)
        self._channel = grpc.insecure_channel(f"{server.host}:{server.grpc_port}", options=CHANNEL_OPTIONS)
        self._call = self._channel.unary_unary(INFER_METHOD)
        self._stream = self._channel.stream_stream(streams.STREAM_METHOD)

    def ask(self) -> tuple[bytes, NDArray[np.generic]]:
        """Send the request once.

        Returns:
            The reply's body as it came (framed messages for gRPC), and the output tensor in it; of
            many responses the outputs stacked.

        Raises:
            WrongAnswerError: no reply came, or not one of success.

        """
        return self._ask_grpc() if self.protocol is Protocol.GRPC else self._ask_http()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
        self._channel.close()

    def _ask_grpc(self) -> tuple[bytes, NDArray[np.generic]]:
        message = self._request.body[5:]  # without the frame's head, which the channel adds
        with translated(self.model, "gRPC"):
            if self.model.responses > 1:
                replies = self._stream(iter([message]), timeout=TIMEOUT_SECONDS)
                return streams.decode(replies, self.model)
            reply = self._call(message, timeout=TIMEOUT_SECONDS)
            decoded = service_pb2.ModelInferResponse.FromString(reply)
            return requests.grpc_frame(reply), _output(tritonclient.grpc.InferResult(decoded), self.model)

    def _ask_http(self) -> tuple[bytes, NDArray[np.generic]]:
        with translated(self.model, "HTTP"):
            self._http.request("POST", self._request.path, self._request.body, self._request.headers)
            reply = self._http.getresponse()
            body = reply.read()
            if reply.status != http.HTTPStatus.OK:
                raise WrongAnswerError(
                    f"Model {self.model.name} over HTTP: status {reply.status}: {body[:300]!r}"
                )
            length = reply.headers.get("Inference-Header-Content-Length")
            result = tritonclient.http.InferenceServerClient.parse_response_body(
                body, header_length=int(length) if length else None
            )
            return body, _output(result, self.model)


def executions(server: Server, model: Model) -> dict[int, int]:
    """Read how often each batch size has been executed since the start, from the model's statistics."""
    with translated(model, "HTTP statistics"):
        connection = http.client.HTTPConnection(server.host, server.http_port, timeout=TIMEOUT_SECONDS)
        connection.request("GET", f"/v2/models/{model.name}/stats")
        statistics = json.loads(connection.getresponse().read())
        connection.close()
        rows = statistics["model_stats"][0]["batch_stats"]
        return {int(row["batch_size"]): int(row["compute_infer"]["count"]) for row in rows}


def require_live(server: Server) -> None:
    """Ask on both endpoints whether the server lives, so that both have done some work.

    Raises:
        ServerError: one of them says no.

    """
    try:
        with tritonclient.http.InferenceServerClient(f"{server.host}:{server.http_port}") as over_http:
            live = over_http.is_server_live()
        with tritonclient.grpc.InferenceServerClient(f"{server.host}:{server.grpc_port}") as over_grpc:
            live = live and over_grpc.is_server_live()
    except FOREIGN_ERRORS as error:
        raise ServerError(f"{server.name} does not answer on both endpoints: {error!r}") from error
    if not live:
        raise ServerError(f"{server.name} does not say that it is live on both endpoints.")
