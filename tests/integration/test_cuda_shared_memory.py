"""Memory of GPUs that clients share, over a double of the CUDA driver: this machine needs no GPU."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from support.clients import KINDS, Client
from support.cuda import build_driver, make_handle
from support.folders import describe, write_model
from support.server import ServerProcess

VALUES = np.array([[1, 2, 3, 4]], np.float32)
SIZE = 256
"""Of the device's memory: what is read lies at 0, what is written goes to 128."""

TARGET = 128


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    repository = tmp_path_factory.mktemp("gpu")
    write_model(repository, "identity", describe("identity"))
    folder = build_driver(tmp_path_factory.mktemp("driver"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LD_LIBRARY_PATH", str(folder), prepend=os.pathsep)
        process = ServerProcess(repository, "--allow-client-shm=true")
    with process:
        yield process


@pytest.fixture
def memory() -> Iterator[Path]:
    """Memory of the device: a file, for the double, with a path short enough for a handle."""
    with tempfile.NamedTemporaryFile(prefix="gpu-", dir="/dev/shm") as file:
        content = VALUES.tobytes().ljust(SIZE, b"\0")
        file.write(content)
        file.flush()
        yield Path(file.name)


@pytest.fixture(params=KINDS)
def client(request: pytest.FixtureRequest, server: ServerProcess) -> Iterator[Client]:
    with Client(request.param, server) as connected:
        yield connected
        connected.unregister_cuda_shared_memory()


def place(client: Client, length: int = VALUES.nbytes, offset: int = TARGET) -> Any:
    """Have the model read its input from the device and write its output there."""
    given = client.types.InferInput("INPUT0", list(VALUES.shape), "FP32")
    given.set_shared_memory("gpu", VALUES.nbytes)
    wanted = client.types.InferRequestedOutput("OUTPUT0")
    wanted.set_shared_memory("gpu", length, offset)
    return client.infer("identity", [given], outputs=[wanted])


def refusal(call: Any, *arguments: Any) -> str:
    with pytest.raises(InferenceServerException) as caught:
        call(*arguments)
    return str(caught.value)


def test_inputs_are_read_from_the_device_and_outputs_written_to_it(client: Client, memory: Path) -> None:
    client.register_cuda_shared_memory("gpu", make_handle(memory), 0, SIZE)
    listed = client.describe("get_cuda_shared_memory_status", "gpu")
    (status,) = listed if isinstance(listed, list) else listed["regions"].values()
    assert (status["name"], int(status["byte_size"])) == ("gpu", SIZE)
    assert int(status.get("device_id", 0)) == 0
    for factor in (1, 2, 3):
        memory.write_bytes((VALUES * factor).tobytes().ljust(SIZE, b"\0"))
        place(client)
        written = memory.read_bytes()[TARGET : TARGET + VALUES.nbytes]
        np.testing.assert_array_equal(np.frombuffer(written, np.float32), (VALUES * factor)[0])


def test_a_region_that_was_given_up_can_be_registered_again(client: Client, memory: Path) -> None:
    for _ in range(3):
        client.register_cuda_shared_memory("gpu", make_handle(memory), 0, SIZE)
        assert "already in manager" in refusal(
            client.register_cuda_shared_memory, "gpu", make_handle(memory), 0, SIZE
        )
        place(client)
        client.unregister_cuda_shared_memory("gpu")
        assert "Unable to find" in refusal(place, client)


def test_what_does_not_fit_is_refused_and_the_region_stays(client: Client, memory: Path) -> None:
    client.register_cuda_shared_memory("gpu", make_handle(memory), 0, SIZE)
    assert "at least 16 bytes" in refusal(place, client, 8)
    assert "Invalid offset" in refusal(place, client, 16, SIZE - 8)
    place(client)


@pytest.mark.parametrize(
    ("device", "size", "part"),
    [
        (0, SIZE + 1, f"{SIZE + 1} bytes were asked for, the handle's memory has {SIZE}"),
        (1, SIZE, "cuDeviceGet failed with 101 (invalid device ordinal)"),
        (0, 0, "'byte_size' must be 1 or more"),
    ],
)
def test_what_the_device_does_not_have_is_refused(
    client: Client, memory: Path, device: int, size: int, part: str
) -> None:
    reason = refusal(client.register_cuda_shared_memory, "gpu", make_handle(memory), device, size)
    assert part in reason
    assert "region: 'gpu'" in reason or "region 'gpu'" in reason


def test_a_handle_that_names_nothing_is_refused(client: Client) -> None:
    handle = make_handle(Path("/nowhere/at/all"))
    reason = refusal(client.register_cuda_shared_memory, "gpu", handle, 0, SIZE)
    assert "cuIpcOpenMemHandle failed with 400 (invalid resource handle)" in reason
