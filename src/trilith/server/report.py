"""What people see when start-up is over: a table of models, where the server listens, a request to paste."""

import json
import re
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from trilith.contract import DataType, ModelConfiguration, TensorSpec
from trilith.server.options import Endpoint

IndexRow = tuple[str, int | None, str, str]
"""Name, version, state and reason, as the native server lists them."""

EXAMPLE_FILE = "example.json"
"""In a model's folder: the body of a request worth showing; goes before a made-up one."""

MAX_REASON_LENGTH = 120
"""Of a reason in the table; the whole stands in the log and in the repository index."""

MAX_EXAMPLE_ELEMENTS = 64
"""More numbers than this are no longer a line that people paste."""


def model_table(rows: Iterable[IndexRow]) -> str:
    """Draw the table of models, their versions and states; only the first line of a reason is shown."""
    lines = [
        (
            name,
            "-" if version is None else str(version),
            f"{state}: {_first_line(reason)}" if reason else state,
        )
        for name, version, state, reason in rows
    ]
    return draw_table(("Model", "Version", "Status"), lines)


def draw_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Draw a table with a ruled frame, columns as wide as their widest cell."""
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+"

    def draw(cells: Sequence[str]) -> str:
        inner = " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        return f"| {inner} |"

    return "\n".join(
        [rule, draw(titles), rule, *map(draw, rows), rule] if rows else [rule, draw(titles), rule]
    )


def example_request(
    models: Iterable[tuple[ModelConfiguration, Path]], endpoint: Endpoint, port: int
) -> str | None:
    """Write a ``curl`` line for one of the models: one that brings an example, or else the smallest.

    Args:
        models: loaded ones, with their folders.
        endpoint: HTTP.
        port: the one that it has.

    Returns:
        The line, or ``None`` where no model takes a request that is short enough to show.
    """
    candidates = list(models)
    for configuration, directory in candidates:
        if (directory / EXAMPLE_FILE).is_file():
            return _curl(configuration.name, f"@{directory / EXAMPLE_FILE}", endpoint, port)
    small = [configuration for configuration, _ in candidates if _is_small(configuration)]
    if not small:
        return None
    smallest = min(small, key=lambda configuration: sum(map(_elements, configuration.inputs)))
    return _curl(smallest.name, json.dumps(_body(smallest)), endpoint, port)


def _curl(model: str, body: str, endpoint: Endpoint, port: int) -> str:
    address = endpoint.address
    host = "localhost" if address in ("0.0.0.0", "::", "[::]", "") else address  # noqa: S104  compared, not bound
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    place = f"{host}:{port}"
    options = ["-s"]
    if endpoint.is_local:
        place = "localhost"
        options.append(f"--unix-socket {shlex.quote(address.removeprefix('unix:'))}")
    if endpoint.is_encrypted:
        place = f"https://{place}"
        # Which certificate clients trust, and which they have, is not known here.
        options.append("--insecure")
        if endpoint.settings["encryption"].get("roots"):
            options.append("--cert CLIENT.pem --key CLIENT_KEY.pem")
    url = f"{place}/v2/models/{_quote(model)}/infer"
    return f"curl {' '.join(options)} {shlex.quote(url)} -d {shlex.quote(body)}"


def _quote(name: str) -> str:
    if re.fullmatch(r"[\w.~-]+", name, re.ASCII):
        return name
    from urllib.parse import quote  # noqa: PLC0415  slow to import, and names are plain almost always

    return quote(name, safe="")


def _is_small(configuration: ModelConfiguration) -> bool:
    required = [tensor for tensor in configuration.inputs if not tensor.optional]
    return (
        bool(required)
        and not configuration.is_decoupled
        and sum(map(_elements, required)) <= MAX_EXAMPLE_ELEMENTS
        and all(tensor.datatype not in (DataType.FP16, DataType.BF16) for tensor in required)
    )


def _elements(tensor: TensorSpec) -> int:
    count = 1
    for extent in tensor.dims:
        count *= max(extent, 1)
    return count


def _body(configuration: ModelConfiguration) -> dict[str, Any]:
    batch = [1] if configuration.max_batch_size else []
    return {
        "inputs": [
            {
                "name": tensor.name,
                "shape": batch + [max(extent, 1) for extent in tensor.dims],
                "datatype": str(tensor.datatype),
                "data": [_value(tensor.datatype, index) for index in range(_elements(tensor))],
            }
            for tensor in configuration.inputs
            if not tensor.optional
        ]
    }


def _value(datatype: DataType, index: int) -> bool | int | float | str:
    if datatype is DataType.BYTES:
        return f"text {index}"
    if datatype is DataType.BOOL:
        return index % 2 == 0
    return float(index) if datatype in (DataType.FP32, DataType.FP64) else index


def _first_line(reason: str) -> str:
    first, _, rest = reason.partition("\n")
    if len(first) > MAX_REASON_LENGTH:
        return f"{first[:MAX_REASON_LENGTH].rstrip()}..."
    return f"{first} (and more)" if rest else first
