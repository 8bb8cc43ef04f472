from collections.abc import Callable

import pytest

from trilith import config
from trilith.contract import ConfigurationError, InstanceKind, ModelConfiguration, Placement

TENSORS = 'output { name: "B" data_type: TYPE_FP32 dims: [ 4 ] }'


def test_a_model_has_one_instance_on_the_cpu_by_default(
    finish: Callable[[str], ModelConfiguration],
) -> None:
    assert config.placements(finish(TENSORS), 0) == [Placement("m_0", InstanceKind.CPU, 0)]


def test_instances_are_numbered_within_their_group(finish: Callable[[str], ModelConfiguration]) -> None:
    configuration = finish(TENSORS + 'instance_group [ { count: 2 }, { name: "g" kind: KIND_MODEL } ]')

    assert config.placements(configuration, 0) == [
        Placement("m_0_0", InstanceKind.CPU, 0),
        Placement("m_0_1", InstanceKind.CPU, 0),
        Placement("g_0", InstanceKind.MODEL, 0),
    ]


def test_a_group_runs_on_each_of_its_gpus(finish: Callable[[str], ModelConfiguration]) -> None:
    configuration = finish(TENSORS + "instance_group { count: 2 kind: KIND_GPU gpus: [ 0, 2 ] }")

    found = config.placements(configuration, 3)

    assert [(place.name, place.device) for place in found] == [
        ("m_0_0", 0),
        ("m_0_1", 2),
        ("m_0_2", 0),
        ("m_0_3", 2),
    ]


def test_groups_of_one_name_do_not_share_instance_names(
    finish: Callable[[str], ModelConfiguration],
) -> None:
    configuration = finish(TENSORS + 'instance_group [ { name: "g" }, { name: "g" } ]')

    assert [place.name for place in config.placements(configuration, 0)] == ["g_0", "g_1"]


def test_an_automatic_group_takes_every_gpu_or_the_cpu(
    finish: Callable[[str], ModelConfiguration],
) -> None:
    configuration = finish(TENSORS + "instance_group { }")

    assert [place.kind for place in config.placements(configuration, 2)] == [InstanceKind.GPU] * 2
    assert [place.kind for place in config.placements(configuration, 0)] == [InstanceKind.CPU]


def test_a_passive_group_has_no_instances(finish: Callable[[str], ModelConfiguration]) -> None:
    configuration = finish(TENSORS + "instance_group [ { passive: true }, { } ]")

    assert [place.name for place in config.placements(configuration, 0)] == ["m_1_0"]


@pytest.mark.parametrize(
    ("group", "gpu_count", "words"),
    [
        ("kind: KIND_GPU", 0, "asks for a GPU, and this machine has none"),
        ("kind: KIND_GPU gpus: [ 5 ]", 2, "asks for GPU 5, and this machine has GPUs 0 to 1"),
        ("kind: KIND_GPU gpus: [ 0 ]", 0, "asks for GPU 0, and this machine has no GPU"),
    ],
)
def test_a_gpu_that_is_not_there_is_named(
    finish: Callable[[str], ModelConfiguration], group: str, gpu_count: int, words: str
) -> None:
    configuration = finish(f"{TENSORS} instance_group {{ {group} }}")

    with pytest.raises(ConfigurationError, match=words):
        config.placements(configuration, gpu_count)
