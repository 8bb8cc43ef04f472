"""Ask for letters with and without an input that is optional, and read what is said about the answers.

::

    trilith serve examples/letters
    python examples/write_letters.py Lovelace

Needs nothing but the standard library.
"""

import argparse
import http.client
import json
from typing import Any


def ask(server: str, inputs: dict[str, str], parameters: dict[str, Any]) -> dict[str, Any]:
    """Send texts and parameters; the answer."""
    tensors = [
        {"name": name, "datatype": "BYTES", "shape": [1], "data": [text]} for name, text in inputs.items()
    ]
    connection = http.client.HTTPConnection(server)
    try:
        body = json.dumps({"inputs": tensors, "parameters": parameters})
        connection.request("POST", "/v2/models/letter/infer", body)
        answer: dict[str, Any] = json.load(connection.getresponse())
    except OSError as error:
        start = "trilith serve examples/letters"
        raise SystemExit(f"no server at {server} ({error}); start one with '{start}'") from error
    finally:
        connection.close()
    if "error" in answer:
        raise SystemExit(answer["error"])
    return answer


def main() -> None:
    """Ask twice; print the letters and their parameters."""
    parser = argparse.ArgumentParser(description="Ask a model to begin letters.")
    parser.add_argument("name", nargs="?", default="Lovelace")
    parser.add_argument("--server", default="localhost:8000", help="host and port (default %(default)s)")
    options = parser.parse_args()
    asked: list[tuple[dict[str, str], dict[str, Any]]] = [
        ({"NAME": options.name}, {}),
        ({"NAME": options.name, "TITLE": "Countess"}, {"greeting": "Honoured"}),
    ]
    for inputs, parameters in asked:
        answer = ask(options.server, inputs, parameters)
        said = answer["parameters"]
        print(answer["outputs"][0]["data"][0], f"({said['words']} words, formal: {said['formal']})")


if __name__ == "__main__":
    main()
