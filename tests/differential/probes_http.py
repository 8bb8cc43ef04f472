"""What is sent over HTTP."""

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from differential.models import BROKEN, DATATYPES, OTHERS, VARIANTS

MODELS = ("pair", "text", "types", "unbatched", "failing", "completing", "teller", "rich", "labelled")


@dataclass(frozen=True)
class HttpProbe:
    """One request."""

    title: str
    method: str
    path: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def http_probes() -> list[HttpProbe]:
    """Everything that is sent."""
    return [*_describing(), *_inferring(), *_encoded(), *_mistaken(), *_addressed(), *_last()]


def tensor(name: str, datatype: str, shape: list[int], data: Any, **more: Any) -> dict[str, Any]:
    """Return one input as JSON says it."""
    return {"name": name, "datatype": datatype, "shape": shape, "data": data, **more}


FOUR = tensor("INPUT0", "FP32", [1, 4], [1, 2, 3, 4])
PAIR = [tensor("INPUT0", "FP32", [1, 2], [1.5, 2]), tensor("INPUT1", "INT64", [1, 1, 2], [3, 4])]


def infer(title: str, model: str, body: Any, **headers: str) -> HttpProbe:
    """Return a request for inference."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return HttpProbe(f"infer: {title}", "POST", f"/v2/models/{model}/infer", content, named)


def binary(title: str, model: str, head: dict[str, Any], *payloads: bytes, length: int = -1) -> HttpProbe:
    """Return a request whose tensors follow its JSON."""
    written = json.dumps(head).encode()
    size = str(len(written) if length < 0 else length)
    return infer(title, model, written + b"".join(payloads), Inference_Header_Content_Length=size)


def _describing() -> Iterator[HttpProbe]:
    paths = ["/v2", "/v2/health/live", "/v2/health/ready"]
    for model in (*MODELS, *BROKEN, *VARIANTS, *OTHERS, "nowhere", "broken_no_version"):
        paths += [f"/v2/models/{model}{rest}" for rest in ("", "/ready", "/config", "/stats")]
    paths += [f"/v2/models/rich/versions/{version}" for version in (1, 2, 3, "x", "-1")]
    paths += [f"/v2/models/rich/versions/{version}/ready" for version in (1, 2, 3)]
    paths += ["/v2/models/rich/versions/1/config", "/v2/models/rich/versions/3/stats"]
    for path in paths:
        yield HttpProbe(f"GET {path}", "GET", path)
    index = "/v2/repository/index"
    yield HttpProbe("index", "POST", index)
    yield HttpProbe("index of ready ones", "POST", index, b'{"ready": true}')
    yield HttpProbe("index with broken JSON", "POST", index, b'{"ready": ')
    yield HttpProbe("index with an empty object", "POST", index, b"{}")


def _inferring() -> Iterator[HttpProbe]:
    yield infer("plain", "pair", {"inputs": PAIR})
    yield infer("with an id", "pair", {"id": "seven", "inputs": PAIR})
    yield infer("one output", "pair", {"inputs": PAIR, "outputs": [{"name": "OUTPUT1"}]})
    yield infer("nested data", "unbatched", {"inputs": [tensor("INPUT0", "FP32", [4], [[1, 2], [3, 4]])]})
    yield infer("parameters", "failing", {"inputs": [FOUR], "parameters": {"a": 1, "b": "x", "c": True}})
    yield infer("binary output", "pair", {"inputs": PAIR, "parameters": {"binary_data_output": True}})
    one_binary = [{"name": "OUTPUT0", "parameters": {"binary_data": True}}, {"name": "OUTPUT1"}]
    yield infer("one binary output", "pair", {"inputs": PAIR, "outputs": one_binary})
    both = {"inputs": PAIR, "outputs": [{"name": "OUTPUT0"}], "parameters": {"binary_data_output": True}}
    yield infer("listed output and binary_data_output", "pair", both)
    for count in (1, 3, 9):
        wanted = [{"name": "OUTPUT0", "parameters": {"classification": count}}]
        scores = tensor("INPUT0", "FP32", [2, 5], [1, 5, 3, 2, 4, 5, 4, 3, 2, 1])
        yield infer(f"{count} classes", "labelled", {"inputs": [scores], "outputs": wanted})
    for how in (
        *("INTERNAL", "NOT_FOUND", "UNAVAILABLE", "UNSUPPORTED", "UNKNOWN", "INVALID_ARG", "ALREADY_EXISTS"),
        *("CANCELLED", "raise"),
    ):
        yield infer(f"the model says {how}", "failing", {"inputs": [FOUR], "parameters": {"how": how}})
    empty = tensor("INPUT0", "FP32", [1, 0], [])
    yield infer("no elements", "failing", {"inputs": [empty]})
    yield infer("no rows", "failing", {"inputs": [tensor("INPUT0", "FP32", [0, 4], [])]})
    three = [tensor(f"INPUT{index}", "INT32", [2, 3], [1, 2, 3, 4, 5, 6]) for index in (0, 1)]
    yield infer("a completed model", "completing", {"inputs": three})
    numbers = [0, 1, 2]
    for datatype in DATATYPES:
        if datatype not in ("FP16", "BYTES"):
            data: list[Any] = [True, False, True] if datatype == "BOOL" else numbers
            inputs = [tensor(f"INPUT_{datatype}", datatype, [1, 3], data)]
            yield infer(f"{datatype} as JSON", "types", {"inputs": inputs})
    yield infer("text", "text", {"inputs": [tensor("INPUT0", "BYTES", [1, 2], ["a", 'grün " \\ \n'])]})
    floats = tensor("INPUT_FP64", "FP64", [1, 4], [0.1, 1e300, -0.0, 123456789.123456789])
    yield infer("fractions", "types", {"inputs": [floats]})
    for word in ("NaN", "Infinity", "-Infinity"):
        text = json.dumps({"inputs": [tensor("INPUT_FP32", "FP32", [1, 1], [0])]}).replace("[0]", f"[{word}]")
        yield infer(f"{word} as JSON", "types", text.encode())


def _encoded() -> Iterator[HttpProbe]:
    head = {"name": "INPUT0", "datatype": "FP32", "shape": [1, 4]}
    raw = np.arange(4, dtype=np.float32).tobytes()
    sized = {**head, "parameters": {"binary_data_size": 16}}
    yield binary("binary", "failing", {"inputs": [sized]}, raw)
    half = {**head, "datatype": "FP16", "name": "INPUT_FP16", "parameters": {"binary_data_size": 8}}
    wanted = {"inputs": [half], "parameters": {"binary_data_output": True}}
    yield binary("FP16", "types", wanted, np.arange(4, dtype=np.float16).tobytes())
    yield binary(
        "FP16 answered as JSON", "types", {"inputs": [half]}, np.arange(4, dtype=np.float16).tobytes()
    )
    words = b"\x01\x00\x00\x00a\x02\x00\x00\x00bc"
    text = {
        "name": "INPUT0",
        "datatype": "BYTES",
        "shape": [1, 2],
        "parameters": {"binary_data_size": len(words)},
    }
    yield binary("binary text", "text", {"inputs": [text]}, words)
    yield binary("binary text that lies", "text", {"inputs": [text]}, b"\x09" + words[1:])
    yield binary("too few bytes", "failing", {"inputs": [sized]}, raw[:8])
    yield binary("too many bytes", "failing", {"inputs": [sized]}, raw + raw)
    wrong = {**head, "parameters": {"binary_data_size": 12}}
    yield binary("size that does not fit", "failing", {"inputs": [wrong]}, raw[:12])
    yield binary("header longer than the body", "failing", {"inputs": [sized]}, raw, length=9999)
    yield infer("one raw tensor", "unbatched", raw, Inference_Header_Content_Length="0")
    yield infer("one raw tensor for a batch", "failing", raw, Inference_Header_Content_Length="0")
    yield infer("a header length that is no number", "failing", raw, Inference_Header_Content_Length="x")
    body = json.dumps({"inputs": [FOUR]}).encode()
    yield infer("gzip", "failing", gzip.compress(body), Content_Encoding="gzip")
    yield infer("deflate", "failing", zlib.compress(body), Content_Encoding="deflate")
    yield infer("not really gzip", "failing", body, Content_Encoding="gzip")
    yield infer("unknown encoding", "failing", gzip.compress(body), Content_Encoding="br")
    yield infer("identity encoding", "failing", body, Content_Encoding="identity")
    for accepted in ("gzip", "deflate", "br", "gzip;q=0, deflate", "*"):
        yield infer(f"accepting {accepted}", "failing", body, Accept_Encoding=accepted)
    yield infer("odd content type", "failing", body, Content_Type="text/plain")


WRONG_BODIES: dict[str, Any] = {
    "nothing": b"",
    "no JSON": b"hello",
    "half JSON": b'{"inputs": [',
    "a list": b"[]",
    "no inputs": {},
    "inputs of the wrong type": {"inputs": {}},
    "empty inputs": {"inputs": []},
    "no name": {"inputs": [{"datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 4]}]},
    "no shape": {"inputs": [{"name": "INPUT0", "datatype": "FP32", "data": [1]}]},
    "no datatype": {"inputs": [{"name": "INPUT0", "shape": [1, 4], "data": [1, 2, 3, 4]}]},
    "no data": {"inputs": [{"name": "INPUT0", "datatype": "FP32", "shape": [1, 4]}]},
    "unknown datatype": {"inputs": [{**FOUR, "datatype": "FP31"}]},
    "another datatype": {"inputs": [{**FOUR, "datatype": "INT32"}]},
    "another name": {"inputs": [{**FOUR, "name": "OTHER"}]},
    "twice the same": {"inputs": [FOUR, FOUR]},
    "one too many": {"inputs": [FOUR, {**FOUR, "name": "OTHER"}]},
    "too few elements": {"inputs": [{**FOUR, "data": [1, 2, 3]}]},
    "too many elements": {"inputs": [{**FOUR, "data": [1, 2, 3, 4, 5]}]},
    "text for numbers": {"inputs": [{**FOUR, "data": ["a", "b", "c", "d"]}]},
    "null for a number": {"inputs": [{**FOUR, "data": [1, 2, 3, None]}]},
    "rank too low": {"inputs": [{**FOUR, "shape": [4]}]},
    "rank too high": {"inputs": [{**FOUR, "shape": [1, 2, 2]}]},
    "batch too large": {"inputs": [tensor("INPUT0", "FP32", [9, 1], [0] * 9)]},
    "negative dimension": {"inputs": [{**FOUR, "shape": [1, -4]}]},
    "unknown output": {"inputs": [FOUR], "outputs": [{"name": "OTHER"}]},
    "output twice": {"inputs": [FOUR], "outputs": [{"name": "OUTPUT0"}] * 2},
    "empty outputs": {"inputs": [FOUR], "outputs": []},
    "parameters of the wrong type": {"inputs": [FOUR], "parameters": 7},
    "a parameter that is a list": {"inputs": [FOUR], "parameters": {"a": [1]}},
    "a parameter that is a fraction": {"inputs": [FOUR], "parameters": {"a": 1.5}},
    "priority that is text": {"inputs": [FOUR], "parameters": {"priority": "high"}},
    "unknown priority": {"inputs": [FOUR], "parameters": {"priority": 77}},
    "timeout": {"inputs": [FOUR], "parameters": {"timeout": 1000000}},
    "id that is a number": {"id": 5, "inputs": [FOUR]},
    "data and shared memory": {"inputs": [{**FOUR, "parameters": {"shared_memory_region": "x"}}]},
    "unknown member": {"inputs": [FOUR], "surprise": 1},
}


def _mistaken() -> Iterator[HttpProbe]:
    for title, body in WRONG_BODIES.items():
        yield infer(title, "failing", body)
    pair = [tensor("INPUT0", "FP32", [1, 2], [1, 2]), tensor("INPUT1", "INT64", [2, 1, 2], [1, 2, 3, 4])]
    yield infer("batches that differ", "pair", {"inputs": pair})
    yield infer(
        "a fixed dimension that differs",
        "pair",
        {"inputs": [{**PAIR[0], "shape": [1, 3], "data": [1, 2, 3]}, PAIR[1]]},
    )
    yield infer("one input missing", "pair", {"inputs": PAIR[:1]})
    yield infer(
        "a fraction for an integer", "types", {"inputs": [tensor("INPUT_INT32", "INT32", [1, 1], [1.5])]}
    )
    yield infer("an integer out of range", "types", {"inputs": [tensor("INPUT_INT8", "INT8", [1, 1], [300])]})
    yield infer("a number for text", "text", {"inputs": [tensor("INPUT0", "BYTES", [1, 1], [5])]})
    yield infer(
        "a number for a truth value", "types", {"inputs": [tensor("INPUT_BOOL", "BOOL", [1, 1], [1])]}
    )
    yield infer(
        "classes of text",
        "pair",
        {"inputs": PAIR, "outputs": [{"name": "OUTPUT0", "parameters": {"classification": 0}}]},
    )
    yield infer("a model that failed to load", "broken_type", {"inputs": [FOUR]})
    yield infer("an unknown model", "nowhere", {"inputs": [FOUR]})
    for priority in (0, 3, 77):
        parameters = {"priority": priority, "timeout": 100000}
        yield infer(f"priority {priority}", "rich", {"inputs": [FOUR], "parameters": parameters})
    for model in ("other_reshape", "other_scalar", "other_formats", "variant_cached"):
        flat = tensor("INPUT0", "FP32", [1, 1] if model == "other_scalar" else [1, 4], [1] * 4)
        flat["data"] = flat["data"][:1] if model == "other_scalar" else flat["data"]
        if model == "other_formats":
            flat = tensor("INPUT0", "UINT8", [2, 2, 3], list(range(12)))
        yield infer(f"of {model}", model, {"inputs": [flat]})


def _addressed() -> Iterator[HttpProbe]:
    body = json.dumps({"inputs": [FOUR]}).encode()
    for version in ("1", "3", "2", "x"):
        path = f"/v2/models/rich/versions/{version}/infer"
        yield HttpProbe(f"infer of version {version}", "POST", path, body)
    for method, path in (
        ("GET", "/v2/models/failing/infer"),
        ("PUT", "/v2/models/failing/infer"),
        ("DELETE", "/v2/models/failing"),
        ("POST", "/v2/models/failing"),
        ("POST", "/v2"),
        ("HEAD", "/v2/health/live"),
        ("POST", "/v2/health/live"),
        ("GET", "/v2/repository/index"),
        ("GET", "/"),
        ("GET", "/v2/"),
        ("GET", "/v1"),
        ("GET", "/v2/models"),
        ("GET", "/v2/models/"),
        ("GET", "/v2/models/failing/"),
        ("GET", "/v2/models/failing/nothing"),
        ("GET", "/v2/health"),
        ("GET", "/v2/models/failing?x=1"),
        ("GET", "/metrics"),
        ("GET", "/v2/models/a%2Fb"),
    ):
        yield HttpProbe(f"{method} {path}", method, path)


def _last() -> Iterator[HttpProbe]:
    """Statistics, when all that was sent before has been counted."""
    two = tensor("INPUT0", "FP32", [2, 4], list(range(8)))
    for inputs in ([FOUR], [two], [two], [{**FOUR, "name": "OTHER"}], [{**FOUR, "shape": [1, 5]}]):
        yield infer(f"{len(inputs)} to be counted", "counted", {"inputs": inputs})
    for how in ("INTERNAL", "raise"):
        yield infer(f"{how} to be counted", "counted", {"inputs": [FOUR], "parameters": {"how": how}})
    yield HttpProbe("statistics at the end", "GET", "/v2/models/counted/stats")
