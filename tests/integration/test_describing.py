"""What server and models say of themselves: health, readiness, metadata, configuration, statistics, index."""

import json
from typing import Any

import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from support.clients import Client
from support.server import ServerProcess

ROW = {"INPUT0": np.ones((1, 4), np.float32)}
ROWS = {"INPUT0": np.ones((3, 4), np.float32)}


def test_the_server_is_live_and_ready(client: Client) -> None:
    assert client.is_server_live() is True
    assert client.is_server_ready() is True


def test_readiness_of_a_model_depends_on_its_version(client: Client) -> None:
    assert client.is_model_ready("version_specific") is True
    assert client.is_model_ready("version_specific", "3") is True
    assert client.is_model_ready("version_specific", "2") is False
    assert client.is_model_ready("nowhere") is False


def test_the_server_names_itself_and_its_extensions(client: Client) -> None:
    metadata = client.describe("get_server_metadata")
    assert metadata["name"] == "triton"
    assert metadata["version"]
    assert {"classification", "binary_tensor_data", "statistics"} <= set(metadata["extensions"])


def test_metadata_of_a_model_has_the_batch_in_its_shapes(client: Client) -> None:
    metadata = client.describe("get_model_metadata", "pair")
    assert metadata["name"] == "pair"
    assert metadata["versions"] == ["1"]
    assert metadata["platform"] == "identity"
    shapes = {tensor["name"]: [int(extent) for extent in tensor["shape"]] for tensor in metadata["inputs"]}
    assert shapes == {"INPUT0": [-1, 2], "INPUT1": [-1, -1, 2]}
    assert [tensor["datatype"] for tensor in metadata["outputs"]] == ["FP32", "INT64"]


def test_metadata_of_a_model_without_batches_has_its_dims(client: Client) -> None:
    tensor = client.describe("get_model_metadata", "unbatched")["inputs"][0]
    assert [int(extent) for extent in tensor["shape"]] == [-1]


def read_config(client: Client, model: str) -> dict[str, Any]:
    described: dict[str, Any] = client.describe("get_model_config", model)
    return described if client.is_http else described["config"]


def test_an_onnx_model_needs_no_configuration(client: Client) -> None:
    config = read_config(client, "add_sub")
    assert config["platform"] == "onnxruntime_onnx"
    assert config["backend"] == "onnxruntime"
    assert config["max_batch_size"] == 4
    assert config["default_model_filename"] == "model.onnx"
    assert "dynamic_batching" in config
    assert [tensor["name"] for tensor in config["input"]] == ["INPUT0", "INPUT1"]
    assert [[int(extent) for extent in tensor["dims"]] for tensor in config["output"]] == [[4], [4]]
    four = np.array([[1, 2, 3, 4]], np.float32)
    received = client.send("add_sub", {"INPUT0": four, "INPUT1": four})
    assert received["OUTPUT0"].tolist() == [[2, 4, 6, 8]]
    assert received["OUTPUT1"].tolist() == [[0, 0, 0, 0]]


def test_a_python_model_completes_its_own_configuration(client: Client) -> None:
    config = read_config(client, "completing")
    assert config["max_batch_size"] == 6
    assert "dynamic_batching" in config
    assert [(tensor["name"], tensor["data_type"]) for tensor in config["input"]] == [
        ("INPUT0", "TYPE_INT32"),
        ("INPUT1", "TYPE_INT32"),
    ]
    three = np.array([[1, 2, 3]], np.int32)
    assert client.send("completing", {"INPUT0": three, "INPUT1": three})["SUM"].tolist() == [[2, 4, 6]]


def test_instance_groups_are_filled_in(client: Client) -> None:
    group = read_config(client, "unbatched")["instance_group"][0]
    assert group["name"] == "unbatched"
    assert (group["count"], group["kind"]) == (1, "KIND_CPU")


def plain(value: Any) -> Any:
    """Undo what differs by the wire: JSON of protobuf leaves out defaults and writes long numbers as text."""
    if isinstance(value, dict):
        members = {key: plain(member) for key, member in value.items()}
        return {key: member for key, member in members.items() if member not in (None, {}, [])}
    if isinstance(value, list):
        return [plain(member) for member in value]
    if value in ("", 0, False, "FORMAT_NONE", "PRIORITY_DEFAULT"):
        return None
    return int(value) if isinstance(value, str) and value.lstrip("-").isdigit() else value


def test_both_wires_describe_a_model_alike(http: Client, grpc: Client) -> None:
    for model in ("pair", "add_sub", "labelled", "version_specific", "teller"):
        assert plain(read_config(http, model)) == plain(read_config(grpc, model))
        over_http = http.describe("get_model_metadata", model)
        assert plain(over_http) == plain(grpc.describe("get_model_metadata", model))


VERSIONS = {
    "version_latest": ["3"],
    "version_latest_two": ["2", "3"],
    "version_all": ["1", "2", "3"],
    "version_specific": ["1", "3"],
}


@pytest.mark.parametrize("model", VERSIONS)
def test_a_policy_chooses_versions_and_the_newest_answers_by_default(client: Client, model: str) -> None:
    assert sorted(client.describe("get_model_metadata", model)["versions"]) == VERSIONS[model]
    for version in ("1", "2", "3"):
        served = version in VERSIONS[model]
        assert client.is_model_ready(model, version) is served
        if served:
            result = client.infer(model, client.inputs(ROW), model_version=version)
            assert version_of(result) == version
        else:
            with pytest.raises(InferenceServerException) as caught:
                client.infer(model, client.inputs(ROW), model_version=version)
            assert caught.value.status() in ("404", "StatusCode.NOT_FOUND")
    assert version_of(client.infer(model, client.inputs(ROW))) == VERSIONS[model][-1]


def version_of(result: Any) -> str:
    response = result.get_response()
    version: str = response["model_version"] if isinstance(response, dict) else response.model_version
    return version


def test_the_index_lists_every_version_and_its_state(client: Client) -> None:
    described = client.describe("get_model_repository_index")
    rows = described if client.is_http else described["models"]
    states = {(row["name"], row.get("version", "")): row["state"] for row in rows}
    assert states["version_all", "1"] == states["version_all", "3"] == "READY"
    assert states["add_sub", "1"] == "READY"
    assert ("version_latest", "3") in states


def test_the_index_can_be_narrowed_to_what_is_ready(server: ServerProcess) -> None:
    status, body = server.request("POST", "/v2/repository/index", b'{"ready": true}')
    assert status == 200
    assert {row["state"] for row in json.loads(body)} == {"READY"}


def statistics(client: Client, model: str, version: str = "") -> dict[str, Any]:
    described = client.describe("get_inference_statistics", model, version)
    (found,) = described["model_stats"]
    return dict(found)


def count(statistics: dict[str, Any], *path: str) -> int:
    value: Any = statistics
    for key in path:
        value = value.get(key, {})
    return int(value or 0)


def test_statistics_count_requests_rows_and_executions(client: Client) -> None:
    model = "version_latest"
    before = statistics(client, model)
    client.send(model, ROW)
    client.send(model, ROWS)
    after = statistics(client, model)
    grown = {key: count(after, key) - count(before, key) for key in ("inference_count", "execution_count")}
    assert grown == {"inference_count": 4, "execution_count": 2}
    for part in ("success", "queue", "compute_input", "compute_infer", "compute_output"):
        stats = "inference_stats"
        assert count(after, stats, part, "count") - count(before, stats, part, "count") == 2, part
        assert count(after, stats, part, "ns") >= count(before, stats, part, "ns")
    assert int(after["last_inference"]) > 1_600_000_000_000
    sizes = {int(entry["batch_size"]): int(entry["compute_infer"]["count"]) for entry in after["batch_stats"]}
    assert sizes[1] >= 1
    assert sizes[3] >= 1


def test_statistics_of_all_models_come_together(client: Client) -> None:
    everything = client.describe("get_inference_statistics")["model_stats"]
    named = {(entry["name"], entry["version"]) for entry in everything}
    assert {("version_all", "1"), ("version_all", "2"), ("add_sub", "1")} <= named


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v2/models/nowhere", 404),
        ("/v2/models/version_all/versions/9", 404),
        ("/v2/models/nowhere/config", 404),
        ("/v2/models/nowhere/stats", 400),
        ("/v2/models/nowhere/ready", 400),
        ("/v2/models/version_all/versions/9/ready", 400),
        ("/v2/models/pair/infer", 405),
        ("/v2/repository/index", 405),
        ("/v3", 404),
    ],
)
def test_what_is_not_there_has_the_status_that_clients_know(
    server: ServerProcess, path: str, status: int
) -> None:
    assert server.get(path)[0] == status


@pytest.mark.parametrize("client_method", ["get_model_metadata", "get_model_config"])
def test_an_unknown_model_is_named_in_the_error(client: Client, client_method: str) -> None:
    with pytest.raises(InferenceServerException, match="nowhere") as caught:
        client.describe(client_method, "nowhere")
    if not client.is_http:
        assert caught.value.status() == "StatusCode.NOT_FOUND"
