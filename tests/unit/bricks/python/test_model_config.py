import json
from typing import Any

import pytest

from trilith.bricks.backends.python.utils import ModelConfig

TENSOR = {"name": "x", "data_type": "TYPE_FP32", "dims": [4]}


def make(**written: Any) -> ModelConfig:
    return ModelConfig(json.dumps({"name": "m", "max_batch_size": 0, "input": [], "output": [], **written}))


def test_tensors_are_added_once() -> None:
    config = make()
    config.add_input(TENSOR)
    config.add_input(TENSOR)
    config.add_output({**TENSOR, "name": "y"})
    assert config.as_dict()["input"] == [TENSOR]
    assert config.as_dict()["output"] == [{**TENSOR, "name": "y"}]


def test_what_an_entry_leaves_open_is_filled_in() -> None:
    config = make(input=[{"name": "x", "data_type": "TYPE_INVALID", "dims": []}])
    config.add_input({**TENSOR, "optional": True})
    assert config.as_dict()["input"] == [{**TENSOR, "optional": True}]


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (
            {**TENSOR, "data_type": "TYPE_INT8"},
            "data_type TYPE_INT8 contradicts the configuration's TYPE_FP32",
        ),
        ({**TENSOR, "dims": [5]}, r"dims \[5\] contradicts the configuration's \[4\]"),
        ({"name": "x", "dims": [4]}, "is missing the property 'data_type'"),
        ({**TENSOR, "color": 1}, "has the property 'color', expected only"),
        ({"data_type": "TYPE_FP32", "dims": [4]}, "is missing the property 'name'"),
    ],
)
def test_a_tensor_that_does_not_fit_is_refused(tensor: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(input=[TENSOR]).add_input(tensor)


def test_an_output_cannot_be_optional() -> None:
    with pytest.raises(ValueError, match="has the property 'optional'"):
        make().add_output({**TENSOR, "optional": True})


def test_batches_may_grow_but_not_shrink() -> None:
    config = make(max_batch_size=8)
    config.set_max_batch_size(16)
    assert config.as_dict()["max_batch_size"] == 16
    with pytest.raises(ValueError, match="max_batch_size 4 is less than the configuration's 16"):
        config.set_max_batch_size(4)


def test_dynamic_batching_is_added_where_no_scheduler_is_written() -> None:
    config = make()
    config.set_dynamic_batching()
    assert config.as_dict()["dynamic_batching"] == {}
    with pytest.raises(ValueError, match="contradicts the configuration's sequence_batching"):
        make(sequence_batching={}).set_dynamic_batching()


def test_the_transaction_policy_may_not_be_contradicted() -> None:
    config = make()
    config.set_model_transaction_policy({"decoupled": True})
    assert config.as_dict()["model_transaction_policy"] == {"decoupled": True}
    with pytest.raises(ValueError, match="decoupled False contradicts"):
        config.set_model_transaction_policy({"decoupled": False})
    with pytest.raises(ValueError, match="has no 'speed', only 'decoupled'"):
        config.set_model_transaction_policy({"speed": 1})
