import json
from collections.abc import Callable

from trilith import config
from trilith.contract import ModelConfiguration

TENSORS = """
max_batch_size: 8
input { name: "A" data_type: TYPE_STRING dims: [ 4 ] reshape { shape: [ 2, 2 ] } optional: true }
output { name: "B" data_type: TYPE_FP32 dims: [ -1 ] }
"""
POLICY = {
    "timeout_action": "REJECT",
    "default_timeout_microseconds": 0,
    "allow_timeout_override": False,
    "max_queue_size": 0,
}


def test_the_signature_is_spelled_as_the_core_wants_it(
    finish: Callable[[str], ModelConfiguration],
) -> None:
    spec = json.loads(config.native_spec(finish(TENSORS), 3))

    assert spec["name"] == "m"
    assert spec["version"] == 3
    assert spec["max_batch_size"] == 8
    assert spec["decoupled"] is False
    assert spec["inputs"] == [
        {
            "name": "A",
            "datatype": "BYTES",
            "dims": [4],
            "reshape": [2, 2],
            "optional": True,
            "ragged": False,
            "labels": [],
        }
    ]
    assert json.loads(spec["config_json"])["input"][0]["data_type"] == "TYPE_STRING"


def test_metadata_names_the_backend_where_no_platform_is_given(
    finish: Callable[[str], ModelConfiguration],
) -> None:
    spec = json.loads(config.native_spec(finish(TENSORS + 'metric_tags { key: "team" value: "red" }'), 1))
    assert spec["platform"] == spec["backend"] != ""
    assert spec["metric_tags"] == {"team": "red"}


def test_a_model_without_dynamic_batching_still_has_a_scheduler(
    finish: Callable[[str], ModelConfiguration],
) -> None:
    assert json.loads(config.native_spec(finish(TENSORS), 1))["scheduler"] == {
        "dynamic": False,
        "preferred_batch_sizes": [],
        "max_queue_delay_microseconds": 0,
        "preserve_ordering": False,
        "priority_levels": 0,
        "default_priority_level": 0,
        "default_policy": POLICY,
        "policies": {},
    }


def test_every_option_of_dynamic_batching_is_passed_on(
    finish: Callable[[str], ModelConfiguration],
) -> None:
    batching = """
    dynamic_batching {
      preferred_batch_size: [ 2, 4 ]
      max_queue_delay_microseconds: 100
      priority_levels: 2
      default_priority_level: 1
      default_queue_policy { timeout_action: DELAY default_timeout_microseconds: 7 }
      priority_queue_policy { key: 2 value { max_queue_size: 5 allow_timeout_override: true } }
    }
    """

    assert json.loads(config.native_spec(finish(TENSORS + batching), 1))["scheduler"] == {
        "dynamic": True,
        "preferred_batch_sizes": [2, 4],
        "max_queue_delay_microseconds": 100,
        "preserve_ordering": False,
        "priority_levels": 2,
        "default_priority_level": 1,
        "default_policy": {**POLICY, "timeout_action": "DELAY", "default_timeout_microseconds": 7},
        "policies": {"2": {**POLICY, "max_queue_size": 5, "allow_timeout_override": True}},
    }


def test_a_model_may_choose_the_buckets_of_its_histogram(
    finish: Callable[[str], ModelConfiguration],
) -> None:
    def control(family: str) -> str:
        buckets = "histogram_options { buckets: [ 1, 2.5 ] }"
        return (
            f'model_metrics {{ metric_control {{ metric_identifier {{ family: "{family}" }} {buckets} }} }}'
        )

    spec = json.loads(config.native_spec(finish(TENSORS + control(config.spec.FIRST_RESPONSE)), 1))
    assert spec["histogram_bounds"] == [1, 2.5]
    other = json.loads(config.native_spec(finish(TENSORS + control("another")), 1))
    assert other["histogram_bounds"] == []


def test_what_tells_of_a_batch_is_spelled_as_the_core_wants_it(
    finish: Callable[[str], ModelConfiguration],
) -> None:
    text = """
    input { name: "C" data_type: TYPE_FP32 dims: [ -1 ] allow_ragged_batch: true }
    batch_input { kind: BATCH_ITEM_SHAPE target_name: [ "D", "E" ] data_type: TYPE_INT32 source_input: "C" }
    batch_output { kind: BATCH_SCATTER_WITH_INPUT_SHAPE target_name: "B" source_input: "C" }
    """
    spec = json.loads(config.native_spec(finish(TENSORS + text), 1))
    assert spec["batch_inputs"] == [
        {"kind": "BATCH_ITEM_SHAPE", "targets": ["D", "E"], "datatype": "INT32", "source": "C"}
    ]
    assert spec["batch_outputs"] == [{"targets": ["B"], "source": "C"}]
