from typing import Any

import numpy as np
import pytest

from doubles.batch import RequestDouble
from trilith.bricks.backends.python.utils import (
    InferenceResponse,
    Tensor,
    TritonError,
    TritonModelException,
)


def test_outputs_are_handed_to_the_request() -> None:
    request = RequestDouble({}, ["x"])
    InferenceResponse([Tensor("x", np.ones(2, np.int8))], parameters={"n": 1}).answer(request, {"x"})
    assert request.outputs is not None
    assert request.outputs["x"].tolist() == [1, 1]
    assert request.response_parameters == {"n": 1}


def test_outputs_that_the_model_does_not_have_are_dropped() -> None:
    request = RequestDouble({}, ["x", "y"])
    InferenceResponse([Tensor("x", np.zeros(1)), Tensor("y", np.zeros(1))]).answer(request, {"x"})
    assert request.outputs is not None
    assert list(request.outputs) == ["x"]


def test_an_output_under_a_wrong_name_is_an_error() -> None:
    request = RequestDouble({}, ["x", "y"])
    InferenceResponse([Tensor("x", np.zeros(1)), Tensor("Y", np.zeros(1))]).answer(request, {"x", "y"})
    assert request.error == ("the model gave output 'Y' where 'y' was expected", "INTERNAL")


def test_an_error_is_handed_to_the_request_with_its_code() -> None:
    request = RequestDouble({}, ["x"])
    response = InferenceResponse(error=TritonError("gone", TritonError.NOT_FOUND))
    response.answer(request, {"x"})
    assert response.has_error()
    assert request.error == ("gone", "NOT_FOUND")


def test_an_error_without_code_is_internal() -> None:
    error = TritonError("no")
    assert (error.message(), error.code(), int(error.code())) == ("no", TritonError.INTERNAL, 1)


@pytest.mark.parametrize(
    "arguments",
    [
        {"output_tensors": Tensor("x", np.zeros(1))},
        {"output_tensors": [None]},
        {"output_tensors": [np.zeros(1)]},
        {"error": "plain text"},
    ],
)
def test_arguments_of_another_type_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"InferenceResponse\((output_tensors|error)\)"):
        InferenceResponse(**arguments)


@pytest.mark.parametrize("parameters", [{"a": [1]}, {1: 1}, {"a": None}])
def test_parameters_that_cannot_travel_are_refused(parameters: dict[Any, Any]) -> None:
    with pytest.raises(TritonModelException, match="names must be str"):
        InferenceResponse([], parameters=parameters)
