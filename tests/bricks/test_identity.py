"""The identity brick's own options."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from doubles.batch import BatchDouble, RequestDouble
from repositories.models import make_context, make_parameters, make_source, tensor
from trilith.bricks.backends.identity import IdentityBackend
from trilith.contract import DataType, LoadError, ModelContext, Placement


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that were waited, without waiting them."""
    seconds: list[float] = []
    monkeypatch.setattr(time, "sleep", seconds.append)
    return seconds


def make(tmp_path: Path, count: int = 1, **parameters: str) -> ModelContext:
    return make_context(
        make_source(tmp_path, "model", {}),
        [tensor("INPUT0")],
        [tensor("OUTPUT0")],
        document={"parameters": make_parameters(**parameters)},
        placements=[Placement(f"model_0_{index}") for index in range(count)],
    )


def make_batch() -> BatchDouble:
    return BatchDouble([RequestDouble({"INPUT0": np.zeros((1, 4), np.float32)}, ["OUTPUT0"])])


def test_outputs_are_the_very_arrays_of_the_inputs(tmp_path: Path) -> None:
    context = make(tmp_path)
    instance = IdentityBackend().load(context).create_instance(context.placements[0])
    batch = make_batch()
    assert instance.execute(batch)["OUTPUT0"] is batch.inputs["INPUT0"]


def test_execution_waits_as_long_as_the_model_asks_for(tmp_path: Path, waits: list[float]) -> None:
    context = make(tmp_path, execute_delay_ms="250")
    instance = IdentityBackend().load(context).create_instance(context.placements[0])
    waits.clear()
    make_batch().run(instance)
    assert waits == [0.25]


def test_later_instances_wait_a_multiple(tmp_path: Path, waits: list[float]) -> None:
    context = make(tmp_path, 3, execute_delay_ms="100", instance_wise_delay_multiplier="4")
    model = IdentityBackend().load(context)
    waits.clear()
    for placement in context.placements:
        make_batch().run(model.create_instance(placement))
    assert waits == pytest.approx([0.1, 0.4, 0.8])


def test_loading_waits_as_long_as_the_model_asks_for(tmp_path: Path, waits: list[float]) -> None:
    IdentityBackend().load(make(tmp_path, creation_delay_sec="3"))
    assert waits == [3]


@pytest.mark.parametrize("value", ["soon", "-1", "nan", "inf"])
def test_a_delay_that_is_no_number_is_refused_by_name(tmp_path: Path, value: str) -> None:
    with pytest.raises(LoadError, match=f"model 'model': parameter 'execute_delay_ms' is '{value}'"):
        IdentityBackend().load(make(tmp_path, execute_delay_ms=value))


@pytest.mark.parametrize(
    ("datatype", "expected"), [(DataType.FP32, [[[0, 0]], [[0, 0]]]), (DataType.BYTES, [[[b"", b""]]] * 2)]
)
def test_an_optional_input_that_was_not_sent_gives_an_empty_output(
    tmp_path: Path, datatype: DataType, expected: list[Any]
) -> None:
    context = make_context(
        make_source(tmp_path, "model", {}),
        [tensor("INPUT0"), tensor("INPUT1", datatype, -1, 2, optional=True)],
        [tensor("OUTPUT0"), tensor("OUTPUT1", datatype, -1, 2)],
    )
    instance = IdentityBackend().load(context).create_instance(context.placements[0])
    request = RequestDouble({"INPUT0": np.zeros((2, 4), np.float32)}, ["OUTPUT0", "OUTPUT1"])
    BatchDouble([request]).run(instance)
    assert request.outputs is not None
    assert request.outputs["OUTPUT1"].tolist() == (
        [[[0, 0]], [[0, 0]]] if datatype is DataType.FP32 else expected
    )
