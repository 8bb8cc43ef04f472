"""Send two vectors without sending them: they lie in shared memory, and so do their sum and difference.

::

    trilith serve examples/repository --allow-client-shm=true
    python examples/share_tensors.py

Client and server have to be on one machine. Needs nothing but the standard library; with `tritonclient`,
`tritonclient.utils.shared_memory` does the same.
"""

import argparse
import http.client
import json
import struct
from multiprocessing import shared_memory
from typing import Any

SIZE = 4
BYTES = 4 * SIZE
REGION = "example"
# Where each tensor lies in the region.
PLACES = {"INPUT0": 0, "INPUT1": BYTES, "OUTPUT0": 2 * BYTES, "OUTPUT1": 3 * BYTES}


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
    parser = argparse.ArgumentParser(description="Ask the model add_sub, with all tensors in shared memory.")
    parser.add_argument(
        "--server", default="localhost:8000", help="where it listens (default: localhost:8000)"
    )
    server = parser.parse_args().server
    memory = shared_memory.SharedMemory(create=True, size=4 * BYTES)
    try:
        struct.pack_into("<8f", memory.buf, 0, 1, 2, 3, 4, 10, 20, 30, 40)
        region = f"/v2/systemsharedmemory/region/{REGION}"
        post(server, f"{region}/register", {"key": f"/{memory.name}", "offset": 0, "byte_size": 4 * BYTES})
        try:
            post(server, "/v2/models/add_sub/infer", request())
        finally:
            post(server, f"{region}/unregister", {})
        for name, offset in PLACES.items():
            print(name, *struct.unpack_from("<4f", memory.buf, offset))
    finally:
        memory.close()
        memory.unlink()


if __name__ == "__main__":
    main()
