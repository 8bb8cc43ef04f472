from typing import Any

import pytest

from trilith.config.defaults import fill
from trilith.contract import BrickKind, Manifest

ONNX = Manifest(
    "onnxruntime",
    BrickKind.BACKEND,
    "",
    config_platforms=("onnxruntime_onnx",),
    default_filename="model.onnx",
)


def filled(document: dict[str, Any], gpu_count: int | None = None) -> dict[str, Any]:
    return fill(document, "m", "onnxruntime", ONNX, gpu_count)


def test_an_empty_document_becomes_a_whole_one() -> None:
    assert filled({}) == {
        "name": "m",
        "backend": "onnxruntime",
        "platform": "onnxruntime_onnx",
        "default_model_filename": "model.onnx",
        "version_policy": {"latest": {"num_versions": 1}},
        "optimization": {"input_pinned_memory": {"enable": True}, "output_pinned_memory": {"enable": True}},
        "instance_group": [{"name": "m", "kind": "KIND_CPU", "count": 1}],
    }


def test_what_is_written_stays_and_the_original_is_left_alone() -> None:
    document = {"dynamic_batching": {"preferred_batch_size": [2]}, "version_policy": {"all": {}}}

    result = filled(document)

    assert result["dynamic_batching"] == {"preferred_batch_size": [2]}
    assert result["version_policy"] == {"all": {}}
    assert document == {"dynamic_batching": {"preferred_batch_size": [2]}, "version_policy": {"all": {}}}


def test_batches_are_preferred_as_large_as_they_may_be() -> None:
    document = {"max_batch_size": 8, "dynamic_batching": {}}

    assert filled(document)["dynamic_batching"] == {"preferred_batch_size": [8]}
    assert document["dynamic_batching"] == {}


def test_groups_are_named_after_the_model_and_their_place() -> None:
    groups = filled({"instance_group": [{}, {"name": "g", "count": 3}]})["instance_group"]

    assert groups == [{"name": "m_0", "count": 1}, {"name": "g", "count": 3}]


@pytest.mark.parametrize(
    ("group", "gpu_count", "kind", "gpus"),
    [
        ({}, 0, "KIND_CPU", None),
        ({"gpus": [3]}, 2, "KIND_CPU", None),
        ({}, 2, "KIND_GPU", [0, 1]),
        ({"gpus": [1]}, 2, "KIND_GPU", [1]),
        ({"kind": "KIND_MODEL"}, 2, "KIND_MODEL", None),
    ],
)
def test_an_automatic_kind_is_settled_by_the_gpus_that_are_there(
    group: dict[str, Any], gpu_count: int, kind: str, gpus: list[int] | None
) -> None:
    (result,) = filled({"instance_group": [group]}, gpu_count)["instance_group"]

    assert result["kind"] == kind
    assert result.get("gpus") == gpus
