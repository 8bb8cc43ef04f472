"""Tensors in shared memory: objects that this process makes, and the regions over them on a server."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tritonclient.http
from numpy.typing import NDArray

from benchmarks.models import Model, example_input
from benchmarks.servers import Server

FOLDER = Path("/dev/shm")  # noqa: S108 - where POSIX has its objects


def place(model: Model, tensor: str) -> dict[str, str | int]:
    """Say in a request's parameters where a tensor lies."""
    return {
        "shared_memory_region": _name(model, tensor),
        "shared_memory_byte_size": example_input(model).nbytes,
    }


def register(server: Server, model: Model) -> None:
    """Fill the input, clear the output, and register both where the server does not have them yet."""
    data = example_input(model)
    contents = {model.input.name: data.tobytes(), model.output.name: bytes(data.nbytes)}
    with tritonclient.http.InferenceServerClient(f"{server.host}:{server.http_port}") as client:
        known = {region["name"] for region in client.get_system_shared_memory_status()}
        for tensor, content in contents.items():
            name = _name(model, tensor)
            # In place: an object that is made anew would not be the one that is registered.
            with (FOLDER / name).open("r+b" if (FOLDER / name).exists() else "wb") as file:
                file.write(content)
            if name not in known:
                client.register_system_shared_memory(name, name, len(content))


def read_output(model: Model) -> NDArray[np.generic]:
    """Read what was written last."""
    data = example_input(model)
    content = (FOLDER / _name(model, model.output.name)).read_bytes()
    return np.frombuffer(content, data.dtype).reshape(data.shape)


@contextmanager
def removed_at_end() -> Iterator[None]:
    """Remove all objects when the block ends."""
    try:
        yield
    finally:
        for path in FOLDER.glob(f"{_prefix()}*"):
            path.unlink()


def _name(model: Model, tensor: str) -> str:
    return f"{_prefix()}{model.name}-{tensor}"


def _prefix() -> str:
    return f"benchmarks-{os.getpid()}-"
