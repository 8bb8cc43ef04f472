"""What a request says beside its tensors: classes, ids, parameters, priority, timeout, compression."""

import gzip
import json
import zlib
from typing import Any

import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from support.clients import Client
from support.everyday import LABELS
from support.server import ServerProcess

ROW = {"INPUT0": np.ones((1, 4), np.float32)}
BIG = {"INPUT0": np.arange(8 * 5000, dtype=np.float32).reshape(8, 5000)}


def text(array: Any) -> list[list[str]]:
    return [[cell.decode() if isinstance(cell, bytes) else cell for cell in row] for row in array]


def test_classes_come_best_first_with_their_labels(client: Client) -> None:
    scores = np.array([[0.25, 4, 1, 3, 2], [9, 8, 7, 6, 5]], np.float32)
    received = client.send("labelled", {"INPUT0": scores}, outputs=[client.output("OUTPUT0", classes=3)])
    assert text(received["OUTPUT0"]) == [
        ["4.000000:1:bee", "3.000000:3:dog", "2.000000:4:elk"],
        ["9.000000:0:ant", "8.000000:1:bee", "7.000000:2:cat"],
    ]


def test_more_classes_than_there_are_give_all_of_them(client: Client) -> None:
    scores = np.array([[1, 2, 3, 4, 5]], np.float32)
    received = client.send("labelled", {"INPUT0": scores}, outputs=[client.output("OUTPUT0", classes=50)])
    assert [cell.split(":")[2] for cell in text(received["OUTPUT0"])[0]] == list(reversed(LABELS))


@pytest.mark.parametrize("binary", [True, False])
def test_classes_without_labels_are_value_and_index(http: Client, *, binary: bool) -> None:
    outputs = [http.output("OUTPUT0", classes=2, binary=binary)]
    received = http.send("identity_int32", {"INPUT0": np.array([[3, 9, 6]], np.int32)}, outputs=outputs)
    assert text(received["OUTPUT0"]) == [["9:1", "6:2"]]


def test_strings_have_no_classes(client: Client) -> None:
    words = np.array([["a", "b"]], np.object_)
    with pytest.raises(InferenceServerException, match="OUTPUT0"):
        client.send("identity_bytes", {"INPUT0": words}, outputs=[client.output("OUTPUT0", classes=1)])


def test_an_answer_bears_the_id_of_its_request(client: Client) -> None:
    response = client.infer("identity_fp32", client.inputs(ROW), request_id="the first").get_response()
    assert (response["id"] if client.is_http else response.id) == "the first"


def ask_teller(client: Client, **named: Any) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(client.send("teller", ROW, **named)["TOLD"][0, 0])
    return told


def test_a_model_sees_id_parameters_timeout_and_outputs(client: Client) -> None:
    told = ask_teller(
        client,
        request_id="seen",
        timeout=9_000_000,
        parameters={"word": "blue", "number": -3, "switch": True},
        outputs=[client.output("TOLD")],
    )
    assert told["id"] == "seen"
    assert told["timeout"] == 9_000_000
    assert told["outputs"] == ["TOLD"]
    parameters = json.loads(told["parameters"])
    assert {key: parameters[key] for key in ("word", "number", "switch")} == {
        "word": "blue",
        "number": -3,
        "switch": True,
    }


def test_a_model_sees_correlation_id_and_flags(client: Client) -> None:
    told = ask_teller(client, sequence_id=77, sequence_start=True, sequence_end=True)
    assert told["correlation_id"] == 77
    assert told["flags"] == 3


def test_a_model_knows_its_place(client: Client) -> None:
    arguments = ask_teller(client)["args"]
    assert arguments["model_name"] == "teller"
    assert arguments["model_version"] == "1"
    assert arguments["model_instance_kind"] == "CPU"
    assert arguments["model_instance_name"].startswith("teller_0")


def test_all_outputs_come_where_none_is_asked_for(client: Client) -> None:
    assert ask_teller(client)["outputs"] == ["TOLD"]


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_requests_and_answers_may_be_compressed(client: Client, algorithm: str) -> None:
    named: dict[str, Any] = {"compression_algorithm": algorithm}
    if client.is_http:
        named = {"request_compression_algorithm": algorithm, "response_compression_algorithm": algorithm}
    for model, arrays in (("identity_fp32", BIG), ("identity_fp32", ROW)):
        received = client.send(model, arrays, **named)
        assert np.array_equal(received["OUTPUT0"], arrays["INPUT0"])


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
@pytest.mark.parametrize("way", ["request", "response"])
def test_each_way_may_be_compressed_alone(http: Client, algorithm: str, way: str) -> None:
    outputs = [http.output("OUTPUT0", binary=False)]
    received = http.send("identity_fp32", BIG, outputs=outputs, **{f"{way}_compression_algorithm": algorithm})
    assert np.array_equal(received["OUTPUT0"], BIG["INPUT0"])


@pytest.mark.parametrize(("encoding", "unpack"), [("gzip", gzip.decompress), ("deflate", zlib.decompress)])
def test_an_answer_is_really_compressed(server: ServerProcess, encoding: str, unpack: Any) -> None:
    tensor = {"name": "INPUT0", "shape": [1, 5000], "datatype": "FP32", "data": [0.5] * 5000}
    body = json.dumps({"inputs": [tensor]}).encode()
    status, packed = server.request("POST", "/v2/models/identity_fp32/infer", body, Accept_Encoding=encoding)
    assert status == 200
    assert len(packed) < 1000
    assert json.loads(unpack(packed))["outputs"][0]["data"] == [0.5] * 5000


STATUSES = {
    "INTERNAL": ("500", "INTERNAL"),
    "NOT_FOUND": ("404", "NOT_FOUND"),
    "UNAVAILABLE": ("503", "UNAVAILABLE"),
    "UNSUPPORTED": ("501", "UNIMPLEMENTED"),
    "UNKNOWN": ("400", "UNKNOWN"),
    "INVALID_ARG": ("400", "INVALID_ARGUMENT"),
    "ALREADY_EXISTS": ("400", "ALREADY_EXISTS"),
    "CANCELLED": ("400", "CANCELLED"),
}


@pytest.mark.parametrize("how", STATUSES)
def test_the_code_that_a_model_chooses_reaches_the_client(client: Client, how: str) -> None:
    with pytest.raises(InferenceServerException, match=f"told to say {how}") as caught:
        client.send("failing", ROW, parameters={"how": how})
    over_http, over_grpc = STATUSES[how]
    assert caught.value.status() == (over_http if client.is_http else f"StatusCode.{over_grpc}")


def test_what_a_model_raises_reaches_the_client_and_the_model_goes_on(client: Client) -> None:
    with pytest.raises(InferenceServerException, match="the model raised this") as caught:
        client.send("failing", ROW, parameters={"how": "raise"})
    assert caught.value.status() in ("500", "StatusCode.INTERNAL")
    assert client.send("failing", ROW)["OUTPUT0"].shape == (1, 4)


MISTAKES: dict[str, tuple[str, dict[str, Any]]] = {
    "datatype": ("identity_fp32", {"INPUT0": np.ones((1, 4), np.int32)}),
    "name": ("identity_fp32", {"WRONG": ROW["INPUT0"]}),
    "missing input": ("add_sub", ROW),
    "batch": ("identity_fp32", {"INPUT0": np.ones((9, 4), np.float32)}),
    "dimension": ("labelled", ROW),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_wrong_request_is_refused_and_the_model_named(client: Client, mistake: str) -> None:
    model, arrays = MISTAKES[mistake]
    with pytest.raises(InferenceServerException, match=model) as caught:
        client.send(model, arrays)
    assert caught.value.status() in ("400", "StatusCode.INVALID_ARGUMENT")


def test_an_output_that_is_not_there_is_refused(client: Client) -> None:
    with pytest.raises(InferenceServerException, match="NOWHERE"):
        client.send("identity_fp32", ROW, outputs=[client.output("NOWHERE")])


def test_an_unknown_model_is_not_found(client: Client) -> None:
    with pytest.raises(InferenceServerException, match="nowhere") as caught:
        client.send("nowhere", ROW)
    assert caught.value.status() in ("404", "StatusCode.NOT_FOUND")
