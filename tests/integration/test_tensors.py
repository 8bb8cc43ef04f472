"""What goes in comes out: every datatype, each way it can travel."""

from typing import Any

import numpy as np
import pytest
from ml_dtypes import bfloat16

from support.clients import Client
from support.everyday import DATATYPES
from support.server import ServerProcess

EXTREMES: dict[str, Any] = {
    "BOOL": np.array([[True, False, True]]),
    "FP16": np.array([[1.5, -65504.0, 6e-8, 0.0]], np.float16),
    "FP32": np.array([[1.5, -3.4028235e38, 1e-45, np.pi]], np.float32),
    "FP64": np.array([[1.5, -1.7976931348623157e308, 5e-324, np.pi]], np.float64),
    "BYTES": np.array([[b"", "grün".encode(), b"a\nb", b'"quoted"']], np.object_),
}
for name in ("INT", "UINT"):
    for bits in (8, 16, 32, 64):
        dtype = np.dtype(f"{name.lower()}{bits}")
        limits = np.iinfo(dtype)
        EXTREMES[f"{name}{bits}"] = np.array([[limits.min, 0, 1, limits.max]], dtype)
EXTREMES["BF16"] = np.array([[1.5, -3.39e38, 1e-40, 0.0]], bfloat16)


def array_and_model(datatype: str) -> tuple[Any, str]:
    return EXTREMES[datatype], f"identity_{datatype.lower()}"


@pytest.mark.parametrize("datatype", DATATYPES)
def test_every_datatype_comes_back_as_it_was_sent(client: Client, datatype: str) -> None:
    array, model = array_and_model(datatype)
    received = client.send(model, {"INPUT0": array})["OUTPUT0"]
    assert np.array_equal(received, array)
    assert received.shape == array.shape


@pytest.mark.parametrize("datatype", [name for name in DATATYPES if name not in ("FP16", "BF16")])
@pytest.mark.parametrize("kind", ["http", "http.aio"])
@pytest.mark.parametrize(("into", "out"), [(False, False), (False, True), (True, False)])
def test_json_and_binary_mix_freely(
    server: ServerProcess, kind: str, datatype: str, *, into: bool, out: bool
) -> None:
    array, model = array_and_model(datatype)
    with Client(kind, server) as client:
        received = client.send(
            model, {"INPUT0": array}, binary=into, outputs=[client.output("OUTPUT0", binary=out)]
        )
    expected = array
    if datatype == "BYTES" and not out:  # the client leaves strings of JSON as they are
        expected = np.array([[element.decode() for element in array[0]]], np.object_)
    assert np.array_equal(received["OUTPUT0"], expected)


def test_inputs_of_one_request_may_travel_differently(http: Client) -> None:
    first = np.array([[1.5, 2.5]], np.float32)
    second = np.arange(6, dtype=np.int64).reshape(1, 3, 2)
    result = http.infer(
        "pair",
        [http.input("INPUT1", second, binary=False), http.input("INPUT0", first, binary=True)],
        outputs=[http.output("OUTPUT0", binary=False), http.output("OUTPUT1", binary=True)],
    )
    assert np.array_equal(result.as_numpy("OUTPUT0"), first)
    assert np.array_equal(result.as_numpy("OUTPUT1"), second)


def test_only_requested_outputs_come_and_in_the_order_asked(client: Client) -> None:
    arrays = {"INPUT0": np.ones((1, 2), np.float32), "INPUT1": np.ones((1, 1, 2), np.int64)}
    only = client.send("pair", arrays, outputs=[client.output("OUTPUT1")])
    both = client.send("pair", arrays, outputs=[client.output("OUTPUT1"), client.output("OUTPUT0")])
    assert list(only) == ["OUTPUT1"]
    assert sorted(both) == ["OUTPUT0", "OUTPUT1"]


def test_text_passes_through_a_python_model(client: Client) -> None:
    words = np.array([["one", "zwei", "três"], ["", "x" * 70_000, "日本"]], np.object_)
    received = client.send("python_text", {"INPUT0": words})["OUTPUT0"]
    assert [[word.decode() for word in row] for row in received] == words.tolist()


def test_a_batch_of_no_rows_is_refused_and_the_next_request_served(client: Client) -> None:
    from tritonclient.utils import InferenceServerException  # noqa: PLC0415

    with pytest.raises(InferenceServerException):
        client.send("identity_fp32", {"INPUT0": np.zeros((0, 4), np.float32)})
    client.send("identity_fp32", {"INPUT0": np.zeros((1, 4), np.float32)})


def test_a_tensor_may_have_no_elements(client: Client) -> None:
    empty = np.zeros((2, 0), np.float32)
    assert client.send("identity_fp32", {"INPUT0": empty})["OUTPUT0"].shape == (2, 0)


def test_a_model_without_batches_takes_any_length(client: Client) -> None:
    for length in (1, 1000, 300_000):
        array = np.arange(length, dtype=np.float32)
        assert np.array_equal(client.send("unbatched", {"INPUT0": array})["OUTPUT0"], array)


def test_not_a_number_and_infinity_survive_json(http: Client) -> None:
    array = np.array([[np.nan, np.inf, -np.inf, 1.0]], np.float32)
    received = http.send("identity_fp32", {"INPUT0": array}, outputs=[http.output("OUTPUT0", binary=False)])
    assert np.array_equal(received["OUTPUT0"], array, equal_nan=True)


def test_a_body_that_is_one_raw_tensor_needs_no_json(server: ServerProcess) -> None:
    array = np.arange(4, dtype=np.float32)
    status, body = server.request(
        "POST",
        "/v2/models/unbatched/infer",
        array.tobytes(),
        Inference_Header_Content_Length="0",
        Content_Type="application/octet-stream",
    )
    assert status == 200
    assert array.tobytes() in body


def test_typed_contents_answer_as_raw_ones_do(server: ServerProcess) -> None:
    import grpc as channels  # noqa: PLC0415
    from tritonclient.grpc import service_pb2, service_pb2_grpc  # noqa: PLC0415

    tensor = service_pb2.ModelInferRequest.InferInputTensor(
        name="INPUT0",
        datatype="INT64",
        shape=[1, 2],
        contents=service_pb2.InferTensorContents(int64_contents=[-1, 2**62]),
    )
    request = service_pb2.ModelInferRequest(model_name="identity_int64", inputs=[tensor])
    with channels.insecure_channel(server.grpc) as channel:
        response = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(request)
    assert np.frombuffer(response.raw_output_contents[0], np.int64).tolist() == [-1, 2**62]
