"""What people see when start-up is over."""

import json
import shlex
from pathlib import Path

import pytest

from trilith.contract import DataType, ModelConfiguration, TensorSpec
from trilith.server.options import Endpoint
from trilith.server.report import example_request, model_table

EVERYWHERE = Endpoint("http", "HTTP", "0.0.0.0", 0)  # noqa: S104  shown, not bound


def model(name: str, *inputs: TensorSpec, max_batch_size: int = 8) -> ModelConfiguration:
    return ModelConfiguration(name, "echo", "", max_batch_size, inputs, (), {}, {})


def body(line: str | None) -> dict[str, object]:
    assert line is not None
    words = shlex.split(line)
    assert words[:2] == ["curl", "-s"]
    document: dict[str, object] = json.loads(words[words.index("-d") + 1])
    return document


def test_the_table_shows_states_and_the_first_line_of_reasons() -> None:
    rows = [("good", 1, "READY", ""), ("bad", None, "UNAVAILABLE", "one\ntwo")]
    assert model_table(rows).splitlines() == [
        "+-------+---------+-----------------------------+",
        "| Model | Version | Status                      |",
        "+-------+---------+-----------------------------+",
        "| good  | 1       | READY                       |",
        "| bad   | -       | UNAVAILABLE: one (and more) |",
        "+-------+---------+-----------------------------+",
    ]


def test_the_request_is_for_the_smallest_model() -> None:
    large = model("large", TensorSpec("X", DataType.FP32, (16,)))
    small = model("small", TensorSpec("X", DataType.INT32, (2,)))
    line = example_request([(large, Path()), (small, Path())], EVERYWHERE, 8000)
    assert line is not None
    assert "localhost:8000/v2/models/small/infer" in line
    assert body(line) == {"inputs": [{"name": "X", "shape": [1, 2], "datatype": "INT32", "data": [0, 1]}]}


def test_a_model_without_batching_gets_no_batch_dimension() -> None:
    line = example_request(
        [(model("a", TensorSpec("X", DataType.BOOL, (-1, 2)), max_batch_size=0), Path())], EVERYWHERE, 80
    )
    assert body(line) == {
        "inputs": [{"name": "X", "shape": [1, 2], "datatype": "BOOL", "data": [True, False]}]
    }


def test_text_and_quotes_survive_the_shell() -> None:
    line = example_request(
        [(model("it's", TensorSpec("a 'b'", DataType.BYTES, (1,))), Path())],
        Endpoint("http", "HTTP", "::1", 0),
        8000,
    )
    assert line is not None
    assert "[::1]:8000/v2/models/it%27s/infer" in line
    inputs = body(line)["inputs"]
    assert inputs == [{"name": "a 'b'", "shape": [1, 1], "datatype": "BYTES", "data": ["text 0"]}]


@pytest.mark.parametrize(
    "spec",
    [
        TensorSpec("X", DataType.FP32, (2048,)),
        TensorSpec("X", DataType.FP16, (2,)),
        TensorSpec("X", DataType.FP32, (2,), optional=True),
    ],
)
def test_no_request_is_shown_where_none_is_short_or_possible_in_json(spec: TensorSpec) -> None:
    assert example_request([(model("a", spec), Path())], EVERYWHERE, 8000) is None


def test_an_example_that_a_model_brings_goes_first(tmp_path: Path) -> None:
    (tmp_path / "example.json").write_text("{}")
    small = model("small", TensorSpec("X", DataType.INT32, (2,)))
    large = model("large", TensorSpec("X", DataType.INT32, (2048,)))
    line = example_request([(small, Path()), (large, tmp_path)], EVERYWHERE, 8000)
    assert line == f"curl -s localhost:8000/v2/models/large/infer -d @{tmp_path}/example.json"


def test_a_very_long_reason_is_cut_in_the_table() -> None:
    table = model_table([("a", 1, "UNAVAILABLE", "x" * 500)])
    assert "x..." in table
    assert max(map(len, table.splitlines())) < 200


@pytest.mark.parametrize(
    ("address", "tls", "beginning"),
    [
        ("unix:/run/a b.sock", {}, "curl -s --unix-socket '/run/a b.sock' localhost/v2/models/a/infer -d "),
        ("::1", {"key": "k"}, "curl -s --insecure 'https://[::1]:8000/v2/models/a/infer' -d "),
        (
            "unix:/a",
            {"roots": "r"},
            "curl -s --unix-socket /a --insecure --cert CLIENT.pem --key CLIENT_KEY.pem https://localhost/v2/",
        ),
    ],
)
def test_the_line_goes_where_the_endpoint_listens(address: str, tls: dict[str, str], beginning: str) -> None:
    endpoint = Endpoint("http", "HTTP", address, 0, {"encryption": tls} if tls else {})
    small = model("a", TensorSpec("X", DataType.INT32, (2,)))
    line = example_request([(small, Path())], endpoint, 8000)
    assert line is not None
    assert line.startswith(beginning)
