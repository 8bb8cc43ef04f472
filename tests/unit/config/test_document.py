import pytest

from trilith.config.document import from_message, to_message
from trilith.config.draft import empty
from trilith.config.findings import Findings
from trilith.config.schema import ROOT, schema
from trilith.contract import ConfigurationError


def round_trip(document: dict[str, object], *, complete: bool = False) -> dict[str, object]:
    message = to_message(schema(), document, Findings(empty("m")))
    return from_message(schema(), message, ROOT, complete=complete)


def test_a_mapping_survives_the_message() -> None:
    document = {
        "max_batch_size": 4,
        "input": [{"name": "A", "data_type": "TYPE_BF16", "dims": [1 << 62]}],
        "dynamic_batching": {"priority_queue_policy": {"2": {"max_queue_size": 5}}},
        "parameters": {"b": {"string_value": "1"}, "a": {}},
        "model_warmup": [{"inputs": {"A": {"zero_data": True}}}],
        "version_policy": {"all": {}},
    }

    assert round_trip(document) == document


def test_floats_of_32_bits_are_as_short_as_they_were_written() -> None:
    document = {"sequence_batching": {"direct": {"minimum_slot_utilization": 0.1}}}

    assert round_trip(document) == document


@pytest.mark.parametrize("bound", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_does_not_have_are_words(bound: str) -> None:
    control = {"histogram_options": {"buckets": [1.0, bound]}}
    document = {"model_metrics": {"metric_control": [control]}}

    assert round_trip(document) == document


def test_a_complete_mapping_shows_defaults_but_no_message_that_is_absent() -> None:
    complete = round_trip({"input": [{"name": "A"}]}, complete=True)

    assert complete["max_batch_size"] == 0
    assert complete["parameters"] == {}
    assert complete["output"] == []
    assert "dynamic_batching" not in complete
    assert complete["input"] == [
        {
            "name": "A",
            "data_type": "TYPE_INVALID",
            "format": "FORMAT_NONE",
            "dims": [],
            "is_shape_tensor": False,
            "allow_ragged_batch": False,
            "optional": False,
            "is_non_linear_format_io": False,
        }
    ]


def test_every_mistake_in_a_mapping_is_reported() -> None:
    document = {
        "max_batchsize": 1,
        "max_batch_size": True,
        "backend": 3,
        "input": {"name": "A"},
        "output": [{"data_type": "TYPE_FLOAT32", "dims": [1 << 63], "reshape": 4}],
        "parameters": ["a"],
        "dynamic_batching": {"preserve_ordering": 1, "priority_queue_policy": {"high": {}}},
        "sequence_batching": {"direct": {"minimum_slot_utilization": "much"}},
        "instance_group": [{"kind": 99}],
    }

    with pytest.raises(ConfigurationError) as caught:
        round_trip(document)

    assert [problem.field for problem in caught.value.problems] == [
        "max_batchsize",
        "max_batch_size",
        "backend",
        "input",
        "output[0].data_type",
        "output[0].dims[0]",
        "output[0].reshape",
        "parameters",
        "dynamic_batching.preserve_ordering",
        "dynamic_batching.priority_queue_policy[high]",
        "sequence_batching.direct.minimum_slot_utilization",
        "instance_group[0].kind",
        "sequence_batching",
    ]


def test_text_that_cannot_be_encoded_is_a_problem_of_the_configuration() -> None:
    with pytest.raises(ConfigurationError, match="no model configuration"):
        round_trip({"backend": "\udcff"})
