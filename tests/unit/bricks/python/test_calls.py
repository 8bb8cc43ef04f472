"""Requests to other models, over a caller that answers what the test wants."""

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from trilith.bricks.backends.python.loader import make_utils
from trilith.bricks.backends.python.utils import Tensor, TritonModelException
from trilith.bricks.backends.python.utils.calls import Connection
from trilith.contract import ErrorCode

ONE = np.ones((1, 2), np.float32)


class Answer:
    def __init__(self, value: float | None = None, *, is_final: bool = False, error: Any = None) -> None:
        self.is_final = is_final
        self.error = error
        self.parameters: dict[str, Any] = {}
        self.outputs = [] if value is None else [("OUT", "FP32", np.full((1,), value, np.float32))]


class CallerDouble:
    """Notes what it is asked, and is the call itself: its answers come one by one."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self.answers = list(answers)
        self.form: dict[str, Any] = {}
        self.inputs: list[tuple[str, str, Any]] = []
        self.parameters: dict[str, Any] = {}
        self.cancelled = False
        self.notified = 0
        self.changed: tuple[str, str, dict[str, Any]] | None = None
        self.failure: tuple[str, str] | None = None
        self.family: tuple[str, ...] = ()
        self.counted: list[Any] = []

    def call(self, form: str, inputs: list[Any], parameters: dict[str, Any]) -> "CallerDouble":
        self.form, self.inputs, self.parameters = json.loads(form), inputs, parameters
        return self

    def is_ready(self, model: str, version: int | None) -> bool:
        return (model, version) in (("m", None), ("m", 3))

    def change_model(self, kind: str, model: str, parameters: dict[str, Any]) -> tuple[str, str] | None:
        self.changed = (kind, model, parameters)
        return self.failure

    def open_family(self, *described: str) -> "CallerDouble":
        self.family = described
        return self

    def metric(self, labels: list[tuple[str, str]], buckets: list[float] | None) -> "CallerDouble":
        self.counted.append((labels, buckets))
        return self

    def observe(self, value: float) -> None:
        self.counted.append(value)

    @property
    def has_ended(self) -> bool:
        return not self.answers

    def receive(self) -> Answer | None:
        return self.answers.pop(0) if self.answers else None

    def take(self) -> Answer | None:
        # Nothing is there before it was waited for.
        self.notified -= 1
        return self.receive() if self.notified == 0 else None

    def notify(self, callback: Callable[[], object]) -> None:
        self.notified = 1
        callback()

    def cancel(self) -> None:
        self.cancelled = True


def connect(*answers: Answer) -> tuple[ModuleType, CallerDouble]:
    connection, caller = Connection(), CallerDouble(answers)
    connection.open(caller)
    connection.take_requests(now=True)
    return make_utils(Path("somewhere"), connection), caller


def make(module: ModuleType, **named: Any) -> Any:
    inputs = [Tensor("A", ONE), Tensor("B", np.array(["x"], object))]
    return module.InferenceRequest(model_name="m", inputs=inputs, requested_output_names=["OUT"], **named)


def read(response: Any) -> list[float]:
    return [float(tensor.as_numpy()[0]) for tensor in response.output_tensors()]


def test_everything_that_a_request_says_goes_with_it() -> None:
    module, caller = connect(Answer(7, is_final=True))
    request = make(
        module,
        request_id="r",
        correlation_id="c",
        model_version=3,
        flags=1,
        timeout=5,
        parameters={"p": 1},
        preferred_memory=module.PreferredMemory(module.TRITONSERVER_MEMORY_CPU),
    )
    assert (request.request_id(), request.correlation_id(), request.timeout()) == ("r", "c", 5)
    request.set_flags(2)
    assert read(request.exec()) == [7]
    assert caller.form == {
        "model": "m",
        "version": 3,
        "takes_many": False,
        "id": "r",
        "correlation_id": "c",
        "flags": 2,
        "priority": 0,
        "timeout": 5,
        "outputs": ["OUT"],
    }
    assert [(name, datatype) for name, datatype, _ in caller.inputs] == [("A", "FP32"), ("B", "BYTES")]
    assert caller.parameters == {"p": 1}


def test_an_error_is_a_response_with_its_code() -> None:
    module, _ = connect(Answer(is_final=True, error=("no", "NOT_FOUND")))
    response = make(module).exec()
    assert response.has_error()
    assert (response.error().message(), response.error().code()) == ("no", module.TritonError.NOT_FOUND)


def test_responses_are_run_through_and_again_from_the_beginning() -> None:
    module, caller = connect(Answer(1), Answer(2), Answer(is_final=True))
    responses = make(module).exec(decoupled=True)
    assert caller.form["takes_many"]
    assert [read(response) for response in responses] == [[1], [2], []]
    assert [read(response) for response in responses] == [[1], [2], []]


def test_responses_can_be_declined() -> None:
    module, caller = connect(Answer(1))
    make(module).exec(decoupled=True).cancel()
    assert caller.cancelled


def test_requests_can_be_awaited() -> None:
    async def run() -> tuple[list[float], list[list[float]]]:
        module, _ = connect(Answer(1, is_final=True))
        one = read(await make(module).async_exec())
        module, _ = connect(Answer(1), Answer(2, is_final=True))
        many = await make(module).async_exec(decoupled=True)
        return one, [read(response) async for response in many]

    assert asyncio.run(run()) == ([1], [[1], [2]])


def test_readiness_is_asked_with_or_without_a_version() -> None:
    module, _ = connect()
    assert module.is_model_ready("m")
    assert module.is_model_ready("m", "3")
    assert not module.is_model_ready("m", "4")


@pytest.mark.parametrize("named", [{}, {"model_name": "m", "inputs": [ONE], "requested_output_names": []}])
def test_a_request_without_its_parts_is_refused(named: dict[str, Any]) -> None:
    module, _ = connect()
    with pytest.raises(TypeError, match="InferenceRequest"):
        module.InferenceRequest(**named)


def test_other_models_are_asked_only_while_the_model_runs() -> None:
    connection = Connection()
    connection.open(CallerDouble([Answer(1, is_final=True)]))
    module = make_utils(Path("somewhere"), connection)
    with pytest.raises(TritonModelException, match="only supported during the 'execute' function"):
        make(module).exec()
    connection.take_requests(now=True)
    assert read(make(module).exec()) == [1]


def test_loads_and_unloads_say_what_they_were_given() -> None:
    module, caller = connect()
    module.load_model("other", config="{}", files={"file:1/a": b"x"})
    assert caller.changed == ("load", "other", {"config": "{}", "file:1/a": b"x"})
    module.load_model(model_name="other")
    assert caller.changed == ("load", "other", {})
    module.unload_model("other")
    assert caller.changed == ("unload", "other", {"unload_dependents": False})
    caller.failure = ("no such model", "NOT_FOUND")
    with pytest.raises(TritonModelException, match="Failed to unload model: no such model") as caught:
        module.unload_model("other")
    assert caught.value.code is ErrorCode.NOT_FOUND


def test_a_family_of_metrics_says_what_it_is() -> None:
    module, caller = connect()
    family = module.MetricFamily(name="n", description="d", kind=module.MetricFamily.HISTOGRAM)
    assert caller.family == ("n", "d", "histogram")
    with pytest.raises(TritonModelException, match="Missing required buckets"):
        family.Metric(labels={"a": "b"})
    family.Metric(labels={"a": "b"}, buckets=[1, 2]).observe(3)
    assert caller.counted == [([("a", "b")], [1.0, 2.0]), 3]
