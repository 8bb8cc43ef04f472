"""Servers that trace, the requests that they trace, and what stands in their files."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from repositories.models import read_template
from support.clients import Client
from support.folders import describe, write_model
from support.server import ServerProcess

VALUES = np.array([[1.5, 2.0]], np.float32)


def write_traced_models(repository: Path, isolation: str = "process") -> Path:
    """Write a model, one that asks it, and one that fails; where to."""
    config = describe("python", parameters={"isolation": isolation})
    for name in ("doubling", "handing_on", "failing"):
        write_model(repository, name, config, {"model.py": read_template(name)})
    return repository


def ask(server: ServerProcess, kind: str, model: str = "doubling", **options: Any) -> Any:
    """Send one request by one of the clients; its result."""
    with Client(kind, server) as client:
        tensor = client.types.InferInput("INPUT0", VALUES.shape, "FP32")
        tensor.set_data_from_numpy(VALUES)
        return client.infer(model, [tensor], **options)


def read(path: Path) -> list[dict[str, Any]]:
    """Return the entries of a trace file."""
    entries: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return entries


def subjects(entries: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return who was asked, by model; the last one of each."""
    return {entry["model_name"]: entry for entry in entries if "model_name" in entry}


def marks(entries: Iterable[Mapping[str, Any]], number: int) -> dict[str, int]:
    """Return the points in time of one trace, by name."""
    found = (entry["timestamps"][0] for entry in entries if entry["id"] == number and "timestamps" in entry)
    return {mark["name"]: mark["ns"] for mark in found}


def settings(server: ServerProcess, path: str, change: object = None) -> tuple[int, Any]:
    """Look at settings over HTTP, or change them; status and answer."""
    if change is None:
        status, answer = server.get(path)
    else:
        body = change if isinstance(change, str) else json.dumps(change)
        status, answer = server.request("POST", path, body.encode())
    return status, json.loads(answer)
