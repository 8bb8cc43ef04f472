"""Ask an ensemble: one request, three models.

Start the server with ``trilith serve examples/ensemble``, then run
``python examples/measure_text.py "some text of yours"``.
"""

import argparse
import json
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence


def measure(server: str, text: str, wanted: Sequence[str] = ()) -> dict[str, int]:
    """Return the outputs that are wanted, or all of them; what is not wanted does not run."""
    inputs = [{"name": "TEXT", "datatype": "BYTES", "shape": [1, 1], "data": [text]}]
    body = json.dumps({"inputs": inputs, "outputs": [{"name": name} for name in wanted]}).encode()
    url = f"http://{server}/v2/models/measure_text/infer"
    with urllib.request.urlopen(url, body) as answer:
        outputs = json.load(answer)["outputs"]
    return {output["name"]: output["data"][0] for output in outputs}


def main() -> int:
    """Read the command line, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("text")
    parser.add_argument("--server", default="localhost:8000")
    arguments = parser.parse_args()
    try:
        for name, count in measure(arguments.server, arguments.text).items():
            print(f"{name.lower()}: {count}")
        print(f"words alone: {measure(arguments.server, arguments.text, ['WORDS'])['WORDS']}")
    except urllib.error.HTTPError as error:
        print(json.load(error)["error"], file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
