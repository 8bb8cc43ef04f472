"""Ask the model ``add_sub`` through a Unix domain socket: only who may write to its file gets in.

::

    trilith serve examples/repository --http-address=unix:trilith.sock --unix-socket-mode=600
    python examples/ask_over_socket.py trilith.sock

Needs nothing but the standard library. ``curl --unix-socket`` does the same, and gRPC clients take the
address ``unix:/path``.
"""

import argparse
import http.client
import json
import socket


class SocketConnection(http.client.HTTPConnection):
    """HTTP through a Unix domain socket."""

    def __init__(self, path: str) -> None:
        """Connect later; the name is for the header alone."""
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


def main() -> None:
    """Send two vectors; print their sum and their difference."""
    parser = argparse.ArgumentParser(description="Ask the model add_sub through a Unix domain socket.")
    parser.add_argument("path", help="the socket")
    connection = SocketConnection(parser.parse_args().path)
    tensor = {"datatype": "FP32", "shape": [1, 4]}
    inputs = [
        {"name": "INPUT0", "data": [1, 2, 3, 4], **tensor},
        {"name": "INPUT1", "data": [10, 20, 30, 40], **tensor},
    ]
    connection.request("POST", "/v2/models/add_sub/infer", json.dumps({"inputs": inputs}))
    answer = json.loads(connection.getresponse().read())
    connection.close()
    if "error" in answer:
        raise SystemExit(answer["error"])
    for output in answer["outputs"]:
        print(output["name"], *output["data"])


if __name__ == "__main__":
    main()
