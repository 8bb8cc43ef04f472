"""Send two vectors that lie in the memory of a GPU; their sum and difference are written there as well.

::

    trilith serve examples/repository --allow-client-shm=true
    python examples/share_gpu_tensors.py

Client and server have to be on one machine with a GPU. Needs nothing but the standard library and the driver;
with ``tritonclient``, ``tritonclient.utils.cuda_shared_memory`` does the same.
"""

import argparse
import base64
import ctypes
import http.client
import json
import struct
from typing import Any

SIZE = 4
BYTES = 4 * SIZE
REGION = "example_gpu"
# Where each tensor lies in the region.
PLACES = {"INPUT0": 0, "INPUT1": BYTES, "OUTPUT0": 2 * BYTES, "OUTPUT1": 3 * BYTES}


class Handle(ctypes.Structure):
    """What one process gives to another, so that it reaches the same memory."""

    _fields_ = (("bytes", ctypes.c_char * 64),)


class Gpu:
    """Some memory of the first GPU."""

    def __init__(self, size: int) -> None:
        """Ask the driver for it."""
        try:
            self._driver = ctypes.CDLL("libcuda.so.1")
        except OSError as error:
            raise SystemExit(f"this machine has no CUDA driver: {error}; try share_tensors.py") from error
        self._size = size
        self._address = ctypes.c_uint64()
        device, context = ctypes.c_int(), ctypes.c_void_p()
        self._call("cuInit", 0)
        self._call("cuDeviceGet", ctypes.byref(device), 0)
        self._call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
        self._call("cuCtxPushCurrent_v2", context)
        self._call("cuMemAlloc_v2", ctypes.byref(self._address), ctypes.c_size_t(size))

    def handle(self) -> str:
        """Return the handle as the server takes it over HTTP."""
        handle = Handle()
        self._call("cuIpcGetMemHandle", ctypes.byref(handle), self._address)
        return base64.b64encode(bytes(handle)).decode()

    def write(self, *values: float) -> None:
        """Write numbers from the beginning on."""
        data = struct.pack(f"<{len(values)}f", *values)
        self._call("cuMemcpyHtoD_v2", self._address, data, ctypes.c_size_t(len(data)))

    def read(self) -> bytes:
        """Return all of it."""
        data = ctypes.create_string_buffer(self._size)
        self._call("cuMemcpyDtoH_v2", data, self._address, ctypes.c_size_t(self._size))
        return data.raw

    def free(self) -> None:
        """Give it back."""
        self._call("cuMemFree_v2", self._address)

    def _call(self, name: str, *arguments: Any) -> None:
        status = getattr(self._driver, name)(*arguments)
        if status != 0:
            text = ctypes.c_char_p()
            self._driver.cuGetErrorString(status, ctypes.byref(text))
            raise SystemExit(f"{name} failed with {status} ({(text.value or b'?').decode()})")


def place(name: str) -> dict[str, Any]:
    """Return the parameters that say where a tensor lies."""
    return {
        "shared_memory_region": REGION,
        "shared_memory_offset": PLACES[name],
        "shared_memory_byte_size": BYTES,
    }


def request() -> dict[str, Any]:
    """Return a request without a single value in it."""
    tensor = {"datatype": "FP32", "shape": [1, SIZE]}
    return {
        "inputs": [{"name": name, **tensor, "parameters": place(name)} for name in ("INPUT0", "INPUT1")],
        "outputs": [{"name": name, "parameters": place(name)} for name in ("OUTPUT0", "OUTPUT1")],
    }


def post(address: str, path: str, body: dict[str, Any]) -> None:
    """Ask the server; an answer that is not good ends the script with the server's words."""
    connection = http.client.HTTPConnection(address)
    connection.request("POST", path, json.dumps(body))
    response = connection.getresponse()
    answer = response.read().decode()
    connection.close()
    if response.status != http.client.OK:
        raise SystemExit(json.loads(answer)["error"])


def main() -> None:
    """Write the inputs, have them computed, read the outputs."""
    parser = argparse.ArgumentParser(description="Ask the model add_sub, with all tensors on a GPU.")
    parser.add_argument(
        "--server", default="localhost:8000", help="where it listens (default: localhost:8000)"
    )
    server = parser.parse_args().server
    memory = Gpu(4 * BYTES)
    try:
        memory.write(1, 2, 3, 4, 10, 20, 30, 40)
        region = f"/v2/cudasharedmemory/region/{REGION}"
        handle = {"raw_handle": {"b64": memory.handle()}, "device_id": 0, "byte_size": 4 * BYTES}
        post(server, f"{region}/register", handle)
        try:
            post(server, "/v2/models/add_sub/infer", request())
        finally:
            post(server, f"{region}/unregister", {})
        values = memory.read()
        for name, offset in PLACES.items():
            print(name, *struct.unpack_from("<4f", values, offset))
    finally:
        memory.free()


if __name__ == "__main__":
    main()
