"""Bring a model along in the request that loads it: its files and its configuration lie in no repository.

::

    trilith serve examples/on_demand --model-control-mode=explicit
    python examples/bring_a_model.py 3 4 5

Needs nothing but the standard library.
"""

import argparse
import base64
import http.client
import json
from typing import Any

MODEL = "brought"
SOURCE = """
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        numbers = [pb_utils.get_input_tensor_by_name(request, "NUMBER").as_numpy() for request in requests]
        return [pb_utils.InferenceResponse([pb_utils.Tensor("SQUARE", one * one)]) for one in numbers]
"""
CONFIGURATION = {
    "backend": "python",
    "input": [{"name": "NUMBER", "data_type": "TYPE_INT64", "dims": [-1]}],
    "output": [{"name": "SQUARE", "data_type": "TYPE_INT64", "dims": [-1]}],
}


def post(server: str, path: str, body: dict[str, Any]) -> Any:
    """Ask the server; an answer that is not good ends the script with the server's words."""
    connection = http.client.HTTPConnection(server)
    try:
        connection.request("POST", path, json.dumps(body))
        response = connection.getresponse()
        text = response.read()
    except OSError as error:
        start = "trilith serve examples/on_demand --model-control-mode=explicit"
        raise SystemExit(f"no server at {server} ({error}); start one with '{start}'") from error
    finally:
        connection.close()
    answer = json.loads(text) if text else {}
    if response.status != http.client.OK:
        raise SystemExit(answer["error"])
    return answer


def main() -> None:
    """Load the model, ask it, let it go."""
    parser = argparse.ArgumentParser(description="Bring a model along, and have numbers squared by it.")
    parser.add_argument("numbers", nargs="*", type=int, default=[3, 4, 5])
    parser.add_argument("--server", default="localhost:8000", help="host and port (default %(default)s)")
    options = parser.parse_args()
    files = {"file:1/model.py": base64.b64encode(SOURCE.encode()).decode()}
    parameters = {"config": json.dumps(CONFIGURATION), **files}
    post(options.server, f"/v2/repository/models/{MODEL}/load", {"parameters": parameters})
    tensor = {"name": "NUMBER", "datatype": "INT64", "shape": [len(options.numbers)], "data": options.numbers}
    answer = post(options.server, f"/v2/models/{MODEL}/infer", {"inputs": [tensor]})
    print(*answer["outputs"][0]["data"])
    post(options.server, f"/v2/repository/models/{MODEL}/unload", {})


if __name__ == "__main__":
    main()
