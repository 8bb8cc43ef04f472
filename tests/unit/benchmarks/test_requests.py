import json

from benchmarks import requests
from benchmarks.models import MODELS, example_input


def test_the_binary_body_is_a_header_of_the_told_length_and_then_the_tensor() -> None:
    model = MODELS["identity"]
    request = requests.http_binary(model)
    length = int(request.headers["Inference-Header-Content-Length"])
    (tensor,) = json.loads(request.body[:length])["inputs"]
    assert tensor["shape"] == [1, 16]
    assert tensor["parameters"]["binary_data_size"] == 64
    assert request.body[length:] == example_input(model).tobytes()


def test_the_json_body_holds_every_value() -> None:
    model = MODELS["identity_direct"]
    (tensor,) = json.loads(requests.http_json(model).body)["inputs"]
    assert tensor["data"] == example_input(model).tolist()
    assert tensor["datatype"] == "FP32"


def test_a_request_for_shared_memory_says_where_its_tensors_lie() -> None:
    model = MODELS["shared"]
    request = requests.http_binary(model)
    body = json.loads(request.body)
    (tensor,), (output,) = body["inputs"], body["outputs"]
    assert tensor["parameters"]["shared_memory_byte_size"] == 1 << 20
    assert tensor["parameters"]["shared_memory_region"] != output["parameters"]["shared_memory_region"]
    assert "data" not in tensor


def test_a_grpc_frame_begins_with_a_flag_and_the_length() -> None:
    assert requests.grpc_frame(b"abc") == b"\x00\x00\x00\x00\x03abc"
