from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from trilith import config
from trilith.config.composition import Interface
from trilith.config.reader import parse
from trilith.contract import ConfigurationError, LoadError, ModelConfiguration

STEPS = """
step {
  model_name: "first" model_version: -1
  input_map { key: "IN" value: "A" }
  output_map { key: "OUT" value: "x" }
}
step {
  model_name: "second" model_version: 3
  input_map { key: "IN" value: "x" }
  output_map { key: "OUT" value: "B" }
}
"""


def tensor(kind: str, name: str, dims: Sequence[int], datatype: str = "FP32", more: str = "") -> str:
    return f'{kind} {{ name: "{name}" data_type: TYPE_{datatype} dims: {list(dims)} {more} }}\n'


def model(
    name: str, dims: Sequence[int] = (4,), *, size: int = 8, datatype: str = "FP32", more: str = ""
) -> ModelConfiguration:
    """Make a model with IN and OUT."""
    text = f"max_batch_size: {size}\n{tensor('input', 'IN', dims, datatype)}"
    text += f"{tensor('output', 'OUT', dims, datatype)}{more}"
    return config.finish(parse(text, name, "config.pbtxt"), Path(), "python")


def compose(
    *models: ModelConfiguration,
    steps: str = STEPS,
    dims: Sequence[int] = (4,),
    size: int = 8,
    more: str = "",
) -> tuple[ModelConfiguration, Sequence[dict[str, Any]]]:
    """Compose an ensemble of A and B from the models given."""
    text = f'platform: "ensemble"\nmax_batch_size: {size}\n{tensor("input", "A", dims)}'
    text += f"{tensor('output', 'B', dims)}{more}ensemble_scheduling {{ {steps} }}"
    draft = parse(text, "ensemble", "config.pbtxt")
    served = {one.name: one for one in models}

    def find(name: str, version: int) -> ModelConfiguration:
        assert version == {"first": -1, "second": 3}[name]
        if name not in served:
            raise LoadError(f"model '{name}' is not served: it broke")
        return served[name]

    composition = config.compose(draft, config.finish(draft, Path(), ""), find)
    assert composition.members["first", -1] == Interface.of(served["first"])
    return composition.configuration, list(composition.steps)  # type: ignore[arg-type]


def refuse(*models: ModelConfiguration, **how: Any) -> list[tuple[str, str]]:
    """Compose what cannot go together; field and message of each mistake."""
    with pytest.raises(ConfigurationError) as caught:
        compose(*models, **how)
    return [(problem.field.partition("step")[2], problem.message) for problem in caught.value.problems]


def test_steps_are_told_to_the_core_with_what_their_models_are() -> None:
    configuration, steps = compose(
        model("first", more=tensor("output", "MORE", [1])),
        model("second", more="model_transaction_policy { decoupled: true }"),
    )

    assert configuration.is_decoupled
    assert steps == [
        {
            "model": "first",
            "namespace": "",
            "version": None,
            "inputs": [("IN", "A")],
            "outputs": [("OUT", "x")],
            "decoupled": False,
            "names_outputs": True,
        },
        {
            "model": "second",
            "namespace": "",
            "version": 3,
            "inputs": [("IN", "x")],
            "outputs": [("OUT", "B")],
            "decoupled": True,
            "names_outputs": False,
        },
    ]


def test_an_ensemble_without_decoupled_steps_says_so() -> None:
    configuration, _ = compose(model("first"), model("second"))

    assert configuration.document["model_transaction_policy"] == {"decoupled": False}


def test_a_model_that_is_not_served_is_named_with_the_reason() -> None:
    assert refuse(model("second")) == [("[0].model_name", "model 'first' is not served: it broke")]


def test_every_mistake_is_found_together() -> None:
    steps = STEPS.replace('key: "IN" value: "A"', 'key: "INN" value: "A"').replace(
        'key: "OUT" value: "B"', 'key: "OUTT" value: "B"'
    )

    assert refuse(model("first"), model("second", size=4), steps=steps) == [
        ('[0].input_map["INN"]', "model 'first' has no input 'INN'"),
        ("[0].input_map", "input 'IN' of model 'first' is required and not mapped"),
        ("[1].model_name", "the ensemble takes batches of 8, model 'second' at most 4"),
        ('[1].output_map["OUTT"]', "model 'second' has no output 'OUTT'"),
    ]


def test_an_optional_input_may_be_left_out() -> None:
    compose(model("first", more=tensor("input", "EXTRA", [1], more="optional: true")), model("second"))


def test_datatypes_have_to_agree() -> None:
    assert refuse(model("first"), model("second", datatype="INT8")) == [
        (
            '[1].input_map["IN"]',
            "tensor 'x' is FP32 for model 'first' ('OUT'), INT8 for model 'second' ('IN')",
        ),
        ('[1].output_map["OUT"]', "tensor 'B' is FP32 for the ensemble, INT8 for model 'second' ('OUT')"),
    ]


def test_shapes_have_to_agree_but_for_what_is_open() -> None:
    compose(model("first", [-1]), model("second"))
    found = refuse(model("first", [5]), model("second", [-1]))

    assert found == [
        (
            '[0].input_map["IN"]',
            "tensor 'A' has shape [-1, 4] for the ensemble, [-1, 5] for model 'first' ('IN')",
        )
    ]


def test_a_model_without_batches_may_see_the_batch_itself_or_single_rows() -> None:
    compose(model("first", [-1, 4], size=0), model("second"))
    compose(model("first", [4], size=0), model("second"))


def test_the_shape_after_a_reshape_counts() -> None:
    text = tensor("input", "A2", [4], more="reshape: { shape: [ 2, 2 ] }")
    steps = STEPS.replace('key: "IN" value: "A"', 'key: "IN" value: "A2"').replace(
        'output_map { key: "OUT" value: "x"',
        'input_map { key: "ALSO" value: "A" } output_map { key: "OUT" value: "x"',
    )
    other = tensor("input", "ALSO", [4])
    first = model("first", [2, 2], more=other)

    found = refuse(first, model("second", [2, 2]), steps=steps, more=text)

    assert found == [
        (
            '[1].output_map["OUT"]',
            "tensor 'B' has shape [-1, 4] for the ensemble, [-1, 2, 2] for model 'second' ('OUT')",
        )
    ]


def test_tensors_of_different_responses_do_not_meet() -> None:
    steps = STEPS.replace(
        'input_map { key: "IN" value: "x" }',
        'input_map { key: "IN" value: "x" } input_map { key: "ALSO" value: "A" }',
    )
    decoupled = model("first", more="model_transaction_policy { decoupled: true }")

    found = refuse(decoupled, model("second", more=tensor("input", "ALSO", [4])), steps=steps)

    assert [field for field, _ in found] == ["[1].input_map"]
    assert "do not come with the same responses of a decoupled model" in found[0][1]


def test_outputs_that_may_be_missing_are_not_asked_for_by_name() -> None:
    second = model("second", more=tensor("input", "EXTRA", [4], more="optional: true"))
    first = model("first", more=tensor("output", "EXTRA", [4]) + tensor("output", "MORE", [1]))
    steps = STEPS.replace(
        'output_map { key: "OUT" value: "x" }',
        'output_map { key: "OUT" value: "x" } output_map { key: "EXTRA" value: "y" }',
    ).replace(
        'input_map { key: "IN" value: "x" }',
        'input_map { key: "IN" value: "x" } input_map { key: "EXTRA" value: "y" }',
    )

    _, composed = compose(first, second, steps=steps)

    assert not composed[0]["names_outputs"]
