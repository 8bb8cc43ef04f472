from pathlib import Path

import pytest

from repositories.models import make_context, make_source, tensor
from trilith.bricks.backends.identity.pairs import pair_tensors
from trilith.contract import DataType, LoadError, ModelConfiguration, TensorSpec


def configure(tmp_path: Path, inputs: list[TensorSpec], outputs: list[TensorSpec]) -> ModelConfiguration:
    return make_context(make_source(tmp_path, "model", {}), inputs, outputs).configuration


def name_pairs(configuration: ModelConfiguration) -> list[tuple[str, str]]:
    return [(pair.source.name, pair.target.name) for pair in pair_tensors(configuration)]


def test_numbered_names_are_paired_by_number(tmp_path: Path) -> None:
    configuration = configure(
        tmp_path, [tensor("INPUT0"), tensor("INPUT1")], [tensor("OUTPUT1"), tensor("OUTPUT0")]
    )
    assert name_pairs(configuration) == [("INPUT0", "OUTPUT0"), ("INPUT1", "OUTPUT1")]


def test_other_names_are_paired_by_position(tmp_path: Path) -> None:
    configuration = configure(tmp_path, [tensor("a"), tensor("b")], [tensor("x"), tensor("y")])
    assert name_pairs(configuration) == [("a", "x"), ("b", "y")]


def test_reshaped_tensors_are_compared_as_the_backend_sees_them(tmp_path: Path) -> None:
    source = tensor("INPUT0", DataType.FP32, 1, reshape=())
    target = TensorSpec("OUTPUT0", DataType.FP32, ())
    assert len(pair_tensors(configure(tmp_path, [source], [target]))) == 1


def test_unequal_numbers_of_inputs_and_outputs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="2 inputs and 1 outputs"):
        pair_tensors(configure(tmp_path, [tensor("a"), tensor("b")], [tensor("x")]))


def test_every_difference_is_named(tmp_path: Path) -> None:
    outputs = [tensor("x", DataType.INT8), tensor("y", DataType.FP32, 5)]
    with pytest.raises(LoadError) as caught:
        pair_tensors(configure(tmp_path, [tensor("a"), tensor("b")], outputs))
    assert "input 'a' and output 'x' differ in datatype: FP32 and INT8" in str(caught.value)
    assert "input 'b' and output 'y' differ in shape: [4] and [5]" in str(caught.value)
