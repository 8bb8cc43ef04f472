"""Inferences that do not fit their model, over HTTP: each is refused with the place and what was expected."""

from typing import Any

import pytest

from integration.robustness.asking import binary, infer_binary, infer_json, refusal, tensor
from support.server import ServerProcess

HUGE = (2**62, 2**62 - 1, 2**61, 2**63 - 1)

MISFITS: dict[str, tuple[str, list[Any], str]] = {
    "no input": ("simple", [], "input 'IN' of model 'simple': it is required and missing"),
    "a missing input": ("pair", [tensor("INT32", (1, 2), (1, 2), name="IN1")], "input 'IN0'"),
    "a misnamed input": ("simple", [tensor(name="In")], "no input 'In'; did you mean 'IN'?"),
    "an extra input": ("simple", [tensor(), tensor(name="B")], "no input 'B'; its inputs are 'IN'"),
    "an input twice": ("simple", [tensor(), tensor()], "it is there more than once"),
    "another datatype": ("simple", [tensor("FP64")], "FP32 was expected, FP64 was given"),
    "no such datatype": ("simple", [tensor("FP23")], "datatype 'FP23' is not one of BOOL"),
    "another rank": ("simple", [tensor(shape=(4,))], "[-1,4] was expected, [4] was given"),
    "another extent": ("simple", [tensor(shape=(1, 2), data=(1, 2))], "[-1,4] was expected, [1,2]"),
    "an empty batch": ("simple", [tensor(shape=(0, 4), data=())], "a batch size of 0"),
    "a batch over the limit": ("simple", [tensor(shape=(9, 4), data=[0] * 36)], "takes 1 to 8"),
    "batches that differ": (
        "pair",
        [
            tensor("INT32", (1, 2), (1, 2), name="IN0"),
            tensor("INT32", (2, 2), (1, 2, 3, 4), name="IN1"),
        ],
        "its batch size of 2 differs from the 1",
    ),
    "too few elements": ("simple", [tensor(data=(1, 2, 3))], "asks for 4 elements, 'data' holds 3"),
    "too many elements": ("simple", [tensor(data=[0] * 5)], "asks for 4 elements, 'data' holds more"),
    "a negative extent": ("free", [tensor(shape=(-1, -4))], "must not be negative, got -1"),
    "an extent that is no whole number": ("free", [tensor(shape=(1.0, 4))], "must be a whole number"),
    "a number out of range": ("int8", [tensor("INT8", (1,), [300])], "out of range for INT8"),
    "a negative unsigned number": ("uint64", [tensor("UINT64", (1,), [-1])], "out of range for UINT64"),
    "a number over 64 bits": ("uint64", [tensor("UINT64", (1,), [2**64])], "out of range for UINT64"),
    "a BOOL that is none": ("bool", [tensor("BOOL", (1,), [1])], "must be true or false"),
    "strings that are none": ("strings", [tensor("BYTES", (1,), [1])], "must be a string"),
}


@pytest.mark.parametrize("case", MISFITS)
def test_what_does_not_fit_the_model_is_refused(server: ServerProcess, case: str) -> None:
    model, inputs, expected = MISFITS[case]
    status, error = refusal(infer_json(server, model, {"inputs": inputs}))
    assert status == 400
    assert expected in error


@pytest.mark.parametrize(
    ("shape", "data"),
    [
        *[((extent, other), [1.0]) for extent in HUGE for other in (1, 2, 3, 4, 2**62)],
        *[((extent, 0), []) for extent in HUGE],
        *[((0, extent), []) for extent in HUGE],
        ((2**31, 2**31), [1.0]),
        ((2**32, 2**32), [1.0]),
        ((2**63, 1), [1.0]),
        ((2**64, 1), [1.0]),
        ((10**400, 1), [1.0]),
        ((-(2**63), -1), [1.0]),
    ],
)
def test_shapes_that_no_memory_holds_are_refused(
    server: ServerProcess, shape: tuple[int, ...], data: list[float]
) -> None:
    assert refusal(infer_json(server, "free", {"inputs": [tensor(shape=shape, data=data)]}))[0] == 400
    if max(shape) < 2**63:
        assert refusal(infer_binary(server, "free", {"inputs": [binary(0, shape=shape)]}, b""))[0] == 400


@pytest.mark.parametrize(
    ("model", "status", "expected"),
    [
        ("nobody", 404, "there is no model 'nobody'"),
        ("simple/versions/7", 404, "there is no model 'simple' version 7; ready versions: 1"),
        ("simple/versions/99999999999999999999", 404, "has no version '99999999999999999999'"),
        ("simple/versions/-1", 404, "has no version '-1'"),
        ("stillborn", 404, "ended with exit status 7 before the model was loaded"),
        ("raising", 404, "initialize() raised KeyError: 'raising' (1/model.py:8"),
        ("misspelled", 404, "did you mean 'max_batch_size'?"),
        ("torn", 404, "config.pbtxt:1"),
        ("..%2f..%2fetc", 404, "there is no model '../../etc'"),
        ("simple%00", 404, "did you mean 'simple'?"),
    ],
)
def test_models_that_are_not_there_or_not_ready_are_told_apart(
    server: ServerProcess, model: str, status: int, expected: str
) -> None:
    answer = refusal(infer_json(server, model, {"inputs": [tensor()]}))
    assert answer[0] == status
    assert expected in answer[1]


def test_the_questions_about_a_model_that_is_not_ready_say_why(server: ServerProcess) -> None:
    for question, expected in (("ready", 400), ("", 404), ("config", 404), ("stats", 400)):
        status, error = refusal(server.get(f"/v2/models/stillborn/{question}".rstrip("/")))
        assert status == expected, question
        assert "stillborn" in error
    for question, expected in (("ready", 400), ("", 404), ("config", 404), ("stats", 400)):
        assert refusal(server.get(f"/v2/models/nobody/{question}".rstrip("/")))[0] == expected, question


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ([{"name": "OU"}], "no output 'OU'; did you mean 'OUT'?"),
        ([{"name": "OUT"}] * 2, "requested more than once"),
        ([{}], "it has no 'name'"),
        ([3], "must be an object, got a whole number"),
        ({}, "'outputs' must be an array"),
        ([{"name": "OUT", "parameters": {"classification": -1}}], "must not be negative"),
        ([{"name": "OUT", "parameters": {"classification": "2"}}], "must be a whole number"),
        ([{"name": "OUT", "parameters": {"binary_data": 1}}], "must be true or false"),
    ],
)
def test_outputs_that_cannot_be_given_are_refused(server: ServerProcess, outputs: Any, expected: str) -> None:
    request = {"inputs": [tensor()], "outputs": outputs}
    status, error = refusal(infer_json(server, "simple", request))
    assert status == 400
    assert expected in error


def test_strings_cannot_be_classified_and_the_server_lives_on(server: ServerProcess) -> None:
    outputs = [{"name": "OUT", "parameters": {"classification": 1}}]
    request = {"inputs": [tensor("BYTES", (1,), ["a"])], "outputs": outputs}
    status, error = refusal(infer_json(server, "strings", request))
    assert status == 400
    assert "holds strings (BYTES), which cannot be classified" in error


def test_more_classes_than_there_are_values_are_all_values(server: ServerProcess) -> None:
    for count in (100, 2**31, 2**63):
        outputs = [{"name": "OUT", "parameters": {"classification": count}}]
        status, answer = infer_json(server, "simple", {"inputs": [tensor()], "outputs": outputs})
        assert (status, answer["outputs"][0]["shape"]) == (200, [1, 4])


@pytest.mark.parametrize(
    ("model", "given", "content", "expected"),
    [
        ("simple", binary(16), b"\0" * 15, "says 16 bytes, 15 are left"),
        ("simple", binary(16), b"\0" * 17, "1 bytes behind the last input"),
        ("simple", binary(15), b"\0" * 15, "takes 16 bytes, 15 were given"),
        ("simple", binary(-1), b"", "must not be negative, got -1"),
        ("simple", binary(2**64 - 1), b"\0" * 16, "says 18446744073709551615 bytes"),
        ("simple", {**binary(16), "data": [1] * 4}, b"\0" * 16, "'data' and 'binary_data_size' are set"),
        ("strings", binary(5, "BYTES", (1,)), b"\xff\xff\xff\xffa", "runs past the end of the 5 bytes"),
        ("strings", binary(4, "BYTES", (1,)), b"\1\0\0\0", "runs past the end of the 4 bytes"),
        ("strings", binary(3, "BYTES", (1,)), b"\1\0\0", "runs past the end of the 3 bytes"),
        ("strings", binary(9, "BYTES", (1,)), b"\1\0\0\0a" + b"\0" * 4, "hold more than 1"),
        ("strings", binary(4, "BYTES", (9,)), b"\0" * 4, "asks for 9 strings, its bytes hold 1"),
        ("strings", binary(4, "BYTES", (2**59,)), b"\0" * 4, "its bytes hold 1"),
    ],
)
def test_bytes_that_are_not_what_they_claim_are_refused(
    server: ServerProcess, model: str, given: dict[str, Any], content: bytes, expected: str
) -> None:
    status, error = refusal(infer_binary(server, model, {"inputs": [given]}, content))
    assert status == 400
    assert expected in error


@pytest.mark.parametrize("length", ["122", "9" * 18, "9" * 30, "-1", "abc", "1.5", " ", "0x10", "1,2"])
def test_header_lengths_that_cannot_be_are_refused(server: ServerProcess, length: str) -> None:
    status, error = refusal(infer_binary(server, "simple", {"inputs": [binary(16)]}, b"\0" * 16, length))
    assert status == 400
    assert "nference" in error


@pytest.mark.parametrize(
    ("model", "content", "expected"),
    [
        ("simple", b"\0" * 15, "takes 16 bytes, 15 were given"),
        ("pair", b"\0" * 16, "needs a model with 1 input, it has 2"),
        ("strings", b"abc", "must have shape [1] to be sent raw"),
        ("free", b"abc", "more than one free extent"),
    ],
)
def test_raw_bodies_that_do_not_fit_are_refused(
    server: ServerProcess, model: str, content: bytes, expected: str
) -> None:
    status, error = refusal(infer_binary(server, model, b"", content, "0"))
    assert status == 400
    assert expected in error
