"""Shared memory objects of a client under test, registered with a server and gone when the test is."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from tritonclient.utils import shared_memory

from support.clients import Client

FOLDER = Path("/dev/shm")  # noqa: S108  where POSIX has its objects


class Region:
    """One object of the real client's library, and the region of the same name."""

    def __init__(self, name: str, byte_size: int) -> None:
        """Make the object."""
        self.name = f"trilith-test-{os.getpid()}-{name}"
        self.byte_size = byte_size
        self._handle = shared_memory.create_shared_memory_region(self.name, self.name, byte_size)

    def __enter__(self) -> Self:
        """Nothing to wait for."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the object; a test may have done so before."""
        with suppress(shared_memory.SharedMemoryException, FileNotFoundError):
            shared_memory.destroy_shared_memory_region(self._handle)

    @property
    def file(self) -> Path:
        return FOLDER / self.name

    def register(self, client: Client, offset: int = 0) -> None:
        """Register the object from ``offset`` to its end."""
        client.register_system_shared_memory(self.name, self.name, self.byte_size - offset, offset=offset)

    def unregister(self, client: Client) -> None:
        client.unregister_system_shared_memory(self.name)

    def write(self, array: NDArray[Any], offset: int = 0) -> None:
        shared_memory.set_shared_memory_region(self._handle, [array], offset)

    def read(self, dtype: Any, shape: Sequence[int], offset: int = 0) -> NDArray[Any]:
        return np.array(shared_memory.get_contents_as_numpy(self._handle, dtype, list(shape), offset))


def placed_input(
    client: Client, name: str, like: tuple[Sequence[int], str], region: str, **where: int
) -> Any:
    """Make an input that lies in a region: ``like`` is shape and datatype, ``where`` are size and offset."""
    tensor = client.types.InferInput(name, list(like[0]), like[1])
    tensor.set_shared_memory(region, where["size"], where.get("offset", 0))
    return tensor


def placed_output(client: Client, name: str, region: str, size: int, offset: int = 0) -> Any:
    """Ask for an output to be placed in a region."""
    output = client.types.InferRequestedOutput(name)
    output.set_shared_memory(region, size, offset)
    return output
