"""JSON that is broken, bottomless or of the wrong type: refused with the place, in no time."""

import time
from typing import Any

import pytest

from integration.robustness.asking import infer_json, refusal, tensor
from support.server import ServerProcess

DEEP = 100_000
INPUT = b'{"name":"IN","datatype":"FP32","shape":[1,4],"data":[%s]}'


def with_data(data: bytes) -> bytes:
    return b'{"inputs":[' + INPUT % data + b"]}"


BROKEN = {
    "a blank": b" ",
    "a cut": b'{"inputs":[{"name":"IN"',
    "a NUL": b"\0",
    "no UTF-8": b'{"id":"\xff\xfe","inputs":[]}',
    "half a surrogate pair": b'{"id":"\\ud800","inputs":[]}',
    "a mark of byte order": b"\xef\xbb\xbf" + with_data(b"1,2,3,4"),
    "a comment": b'{"inputs":[] /* none */}',
    "trailing letters": with_data(b"1,2,3,4") + b"x",
    "a trailing comma": with_data(b"1,2,3,4,"),
    "a leading zero": with_data(b"01,2,3,4"),
    "no number": with_data(b"--1,2,3,4"),
    "two documents": with_data(b"1,2,3,4") * 2,
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_json_is_refused_with_the_place(server: ServerProcess, case: str) -> None:
    status, error = refusal(infer_json(server, "simple", BROKEN[case]))
    assert status == 400
    assert "failed to parse the request JSON at line 1 column" in error


def test_a_request_without_a_body_is_told_what_is_missing(server: ServerProcess) -> None:
    status, error = refusal(infer_json(server, "simple", b""))
    assert status == 400
    assert "the request has no body" in error


BOTTOMLESS = {
    "arrays": b"[" * DEEP,
    "objects": b'{"a":' * DEEP,
    "an id": b'{"id":' + b"[" * DEEP,
    "data": b'{"inputs":[{"name":"IN","datatype":"FP32","shape":[1,4],"data":' + b"[" * DEEP,
    "data before the shape": b'{"inputs":[{"data":' + b"[" * DEEP,
    "data before the shape, closed": (
        b'{"inputs":[{"data":'
        + b"[" * DEEP
        + b"]" * DEEP
        + b',"name":"IN","datatype":"FP32","shape":[1,4]}]}'
    ),
    "a shape": b'{"inputs":[{"name":"IN","datatype":"FP32","shape":' + b"[" * DEEP,
    "a parameter": b'{"parameters":{"x":' + b"[" * DEEP,
    "an unknown member": b'{"x":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "an unknown member of an input": b'{"inputs":[{"x":' + b'{"y":' * DEEP,
    "an unknown member of an output": b'{"outputs":[{"x":' + b"[{" * DEEP,
}


@pytest.mark.parametrize("case", BOTTOMLESS)
def test_bottomless_nesting_is_refused_at_once(server: ServerProcess, case: str) -> None:
    began = time.monotonic()
    assert refusal(infer_json(server, "simple", BOTTOMLESS[case]))[0] == 400
    assert time.monotonic() - began < 1
    assert refusal(server.request("POST", "/v2/repository/index", BOTTOMLESS[case]))[0] == 400


VALUES = (None, True, 3, -1, 2.5, "text", [], ["a"], {}, {"a": 1})


@pytest.mark.parametrize("member", ["inputs", "outputs", "id", "parameters"])
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_members_of_the_wrong_type_are_refused(server: ServerProcess, member: str, value: Any) -> None:
    fitting = {"inputs": (), "outputs": ([],), "id": ("text",), "parameters": ({}, {"a": 1})}
    status, answer = infer_json(server, "simple", {"inputs": [tensor()], member: value})
    assert status == (200 if value in fitting[member] else 400), answer


@pytest.mark.parametrize("member", ["name", "datatype", "shape", "data", "parameters"])
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_members_of_an_input_of_the_wrong_type_are_refused(
    server: ServerProcess, member: str, value: Any
) -> None:
    fits = member == "parameters" and isinstance(value, dict)
    status, answer = infer_json(server, "simple", {"inputs": [{**tensor(), member: value}]})
    assert status == (200 if fits else 400), answer


@pytest.mark.parametrize("member", ["name", "datatype", "shape", "data"])
def test_members_that_an_input_needs_are_asked_for(server: ServerProcess, member: str) -> None:
    given = {key: value for key, value in tensor().items() if key != member}
    status, error = refusal(infer_json(server, "simple", {"inputs": [given]}))
    assert status == 400
    assert f"'{member}'" in error


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"timeout": -1}, "must not be negative"),
        ({"timeout": "3"}, "must be a whole number"),
        ({"timeout": 2**64}, "below 2^64"),
        ({"priority": 2**64}, "below 2^64"),
        ({"priority": 1.5}, "must be a whole number"),
        ({"sequence_id": -3}, "must not be negative"),
        ({"sequence_start": 1}, "must be true or false"),
        ({"binary_data_output": "yes"}, "must be true or false"),
        ({"triton_final_response": True}, "reserved for the server"),
        ({"a": {}}, "must be a number, a string, true or false"),
        ({"a": None}, "must be a number, a string, true or false"),
        ({"a": [1]}, "must be a number, a string, true or false"),
    ],
)
def test_parameters_that_cannot_be_are_refused(
    server: ServerProcess, parameters: dict[str, Any], expected: str
) -> None:
    request = {"inputs": [tensor()], "parameters": parameters}
    status, error = refusal(infer_json(server, "simple", request))
    assert status == 400
    assert expected in error


def test_repeated_members_are_refused_or_the_last_one_counts(server: ServerProcess) -> None:
    assert refusal(infer_json(server, "simple", b'{"inputs":[],"inputs":[]}'))[0] == 400
    twice = INPUT % b"1,2,3,4"
    for more, expected in (
        (b'"name":"X"', 200),
        (b'"shape":[1,2]', 200),
        (b'"datatype":"INT8"', 200),
        (b'"data":[1,2,3,4]', 400),
    ):
        body = b'{"inputs":[{' + more + b"," + twice[1:] + b"]}"
        assert infer_json(server, "simple", body)[0] == expected, body
    for more in (b'"shape":[1,2]', b'"datatype":"INT8"', b'"name":"X"'):
        body = b'{"inputs":[' + twice[:-1] + b"," + more + b"}]}"
        assert refusal(infer_json(server, "simple", body))[0] == 400, body


def test_numbers_that_are_none_pass_where_they_are_meant(server: ServerProcess) -> None:
    status, text = server.request("POST", "/v2/models/simple/infer", with_data(b"NaN,Infinity,-Infinity,-0"))
    assert status == 200
    assert b"[NaN,Infinity,-Infinity,-0.0]" in text


@pytest.mark.parametrize("number", [b"1e400", b"-1e39", b"9" * 100_000, b"1e" + b"9" * 10_000])
def test_numbers_beyond_the_datatype_are_refused(server: ServerProcess, number: bytes) -> None:
    status, error = refusal(infer_json(server, "simple", with_data(number + b",1,1,1")))
    assert status == 400
    assert "element 0 of 'data'" in error
    body = b'{"inputs":[{"name":"IN","datatype":"INT8","shape":[%s],"data":[1]}]}' % number
    assert refusal(infer_json(server, "int8", body))[0] == 400


@pytest.mark.parametrize(
    "body",
    [
        with_data(b"1,1,1,1").replace(b"[1,4]", b"[" + b"1," * 100_000 + b"4]"),
        with_data(b"1,1,1,1").replace(b"IN", b"N" * 500_000),
        with_data(b"1,1,1,1").replace(b"FP32", b"F" * 500_000),
        b'{"inputs":[' + b"{}," * 100_000 + b"{}]}",
        b'{"inputs":[],"outputs":[' + b'{"name":"OUT"},' * 50_000 + b'{"name":"OUT"}]}',
        b'{"inputs":[],"parameters":{' + b",".join(b'"p%d":1' % i for i in range(50_000)) + b"}}",
        b'{"inputs":['
        + b",".join(INPUT.replace(b"IN", b"%d" % i) % b"1,2,3,4" for i in range(10_000))
        + b"]}",
        b'{"inputs":[{"parameters":{' + b",".join(b'"p%d":1' % i for i in range(50_000)) + b"}}]}",
    ],
    ids=[
        "rank",
        "name",
        "datatype",
        "inputs",
        "outputs",
        "parameters",
        "many inputs",
        "parameters of an input",
    ],
)
def test_large_nonsense_is_refused_quickly(server: ServerProcess, body: bytes) -> None:
    began = time.monotonic()
    assert refusal(infer_json(server, "simple", body))[0] == 400
    assert time.monotonic() - began < 1
