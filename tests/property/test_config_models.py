"""Laws of finishing a configuration, and of what follows from one."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trilith import config
from trilith.config.draft import Draft
from trilith.config.schema import schema
from trilith.contract import ConfigurationError, DataType, InstanceKind

NOWHERE = Path("nowhere")
NAMES = st.text("ABCxyz_0", min_size=1, max_size=6)
DIMS = st.lists(st.integers(1, 1 << 40) | st.just(-1), min_size=1, max_size=4)


@st.composite
def tensors(draw: st.DrawFn) -> list[dict[str, Any]]:
    names = draw(st.lists(NAMES, unique=True, min_size=1, max_size=3))
    datatypes = st.sampled_from([datatype.config_name for datatype in DataType])
    return [{"name": name, "data_type": draw(datatypes), "dims": draw(DIMS)} for name in names]


@st.composite
def groups(draw: st.DrawFn) -> list[dict[str, Any]]:
    kinds = st.sampled_from(["KIND_AUTO", "KIND_CPU", "KIND_MODEL"])
    group = st.fixed_dictionaries(
        {}, optional={"kind": kinds, "count": st.integers(0, 3), "name": NAMES, "passive": st.booleans()}
    )
    gpus = st.lists(st.integers(0, 3), unique=True, min_size=1, max_size=3)
    on_gpus = st.fixed_dictionaries({"kind": st.just("KIND_GPU"), "gpus": gpus, "count": st.integers(1, 3)})
    return draw(st.lists(group | on_gpus, max_size=3))


@st.composite
def models(draw: st.DrawFn) -> Draft:
    largest = draw(st.integers(1, 64))
    document = {
        "input": draw(tensors()),
        "output": draw(tensors()),
        "max_batch_size": largest,
        "instance_group": draw(groups()),
    }
    if draw(st.booleans()):
        levels = draw(st.integers(1, 5))
        document["dynamic_batching"] = {
            "preferred_batch_size": draw(st.lists(st.integers(1, largest), max_size=3)),
            "max_queue_delay_microseconds": draw(st.integers(0, (1 << 64) - 1)),
            "priority_levels": levels,
            "default_priority_level": draw(st.integers(1, levels)),
        }
    return Draft("m", "", document)


@given(models())
@settings(max_examples=60, deadline=None)
def test_a_finished_configuration_is_finished(draft: Draft) -> None:
    """For every valid model: finishing what was finished changes nothing."""
    once = config.finish(draft, NOWHERE, "python", gpu_count=0)

    twice = config.finish(draft.with_document(dict(once.document)), NOWHERE, "python", gpu_count=0)

    assert twice == once
    assert schema().message_class.FromString(once.serialized).input[0].name == once.inputs[0].name


@given(models(), st.integers(1, 1 << 40))
@settings(max_examples=60, deadline=None)
def test_the_spec_shows_the_document(draft: Draft, version: int) -> None:
    """For every valid model: the spec is JSON whose configuration is the document, value by value."""
    configuration = config.finish(draft, NOWHERE, "python")

    spec = json.loads(config.native_spec(configuration, version))

    assert spec["version"] == version
    assert json.loads(spec["config_json"]) == configuration.document
    assert [tensor["name"] for tensor in spec["inputs"]] == [tensor.name for tensor in configuration.inputs]


@given(models(), st.integers(4, 6))
@settings(max_examples=100, deadline=None)
def test_there_are_as_many_instances_as_the_groups_add_up_to(draft: Draft, gpu_count: int) -> None:
    """For every valid model: instances = sum over active groups of count times devices; names differ."""
    configuration = config.finish(draft, NOWHERE, "python")

    found = config.placements(configuration, gpu_count)

    expected = 0
    for group in configuration.document["instance_group"]:
        on_gpu = group["kind"] in ("KIND_GPU", "KIND_AUTO")
        devices = (len(group["gpus"]) or gpu_count) if on_gpu else 1
        expected += 0 if group["passive"] else group["count"] * devices
    assert len(found) == expected
    assert len({place.name for place in found}) == expected
    assert all(place.device < gpu_count for place in found)


@given(models(), st.integers(0, 4))
@settings(max_examples=60, deadline=None)
def test_kinds_settled_early_or_late_give_the_same_instances(draft: Draft, gpu_count: int) -> None:
    """For every valid model: it does not matter which of finish and placements learns of the GPUs."""
    late = config.finish(draft, NOWHERE, "python")
    early = config.finish(draft, NOWHERE, "python", gpu_count=gpu_count)

    try:
        expected = config.placements(late, gpu_count)
    except ConfigurationError:
        with pytest.raises(ConfigurationError):
            config.placements(early, gpu_count)
    else:
        assert config.placements(early, gpu_count) == expected
        assert gpu_count or all(place.kind is not InstanceKind.GPU for place in expected)


@given(st.sets(st.integers(1, 1 << 62), min_size=1), st.integers(0, 10))
@settings(deadline=None)
def test_the_latest_versions_are_the_highest(available: set[int], count: int) -> None:
    """For every set of versions: latest{n} gives min(n, all) of them, ascending, none below one left out."""
    draft = Draft("m", "", {"version_policy": {"latest": {"num_versions": count}}})

    chosen = config.choose_versions(draft, list(available))

    assert chosen == sorted(chosen)
    assert len(chosen) == min(max(count, 1), len(available))
    assert all(left < min(chosen) for left in available.difference(chosen))


@given(st.sets(st.integers(1, 20), min_size=1), st.sets(st.integers(1, 20), min_size=1))
@settings(deadline=None)
def test_specific_versions_are_all_chosen_or_the_missing_ones_named(
    available: set[int], wanted: set[int]
) -> None:
    """For every choice: specific{w} gives w, or a problem for each of w that is not there."""
    draft = Draft("m", "", {"version_policy": {"specific": {"versions": sorted(wanted)}}})

    if wanted <= available:
        assert config.choose_versions(draft, list(available)) == sorted(wanted)
        return
    with pytest.raises(ConfigurationError) as caught:
        config.choose_versions(draft, list(available))
    assert len(caught.value.problems) == len(wanted - available)


@given(st.sets(st.integers(1, 1 << 62), min_size=1))
@settings(deadline=None)
def test_all_versions_are_all(available: set[int]) -> None:
    """For every set of versions: all{} gives the set."""
    draft = Draft("m", "", {"version_policy": {"all": {}}})

    assert config.choose_versions(draft, list(available)) == sorted(available)
