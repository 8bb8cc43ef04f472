"""Ask two repositories that both hold a model ``words``, each by way of an ensemble of its own.

::

    trilith serve examples/namespaces/english examples/namespaces/german --model-namespacing=true

    python examples/greet_twice.py Ada
"""

import argparse
import http.client
import json
import sys
from typing import Any

START = "trilith serve examples/namespaces/english examples/namespaces/german --model-namespacing=true"


def ask(server: str, model: str, name: str) -> dict[str, Any]:
    """Send a name to a model; the server's answer, maybe an error."""
    connection = http.client.HTTPConnection(server)
    inputs = [{"name": "NAME", "datatype": "BYTES", "shape": [1], "data": [name]}]
    try:
        connection.request("POST", f"/v2/models/{model}/infer", json.dumps({"inputs": inputs}))
        answer: dict[str, Any] = json.load(connection.getresponse())
    except OSError as error:
        raise SystemExit(f"no server answers at {server}: {error}; start one with '{START}'") from error
    finally:
        connection.close()
    return answer


def main() -> int:
    """Read the command line, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("name", nargs="?", default="Ada")
    parser.add_argument("--server", default="localhost:8000")
    arguments = parser.parse_args()
    for model in ("greet_english", "greet_german"):
        answer = ask(arguments.server, model, arguments.name)
        if "error" in answer:
            print(answer["error"], file=sys.stderr)
            return 1
        print(f"{model}: {answer['outputs'][0]['data'][0]}")
    print(f"words: {ask(arguments.server, 'words', arguments.name)['error']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
