"""Send numbers as one sequence; the server, which remembers it, answers each with the sum so far.

Usage: ``python examples/running_sum.py 3 4 5`` against the server of ``make serve``. A sequence is known by
its id; its first request says that it starts, its last one that it ends.
"""

import argparse
import json
import sys
import urllib.error
import urllib.request

MODEL = "running_sum"


def request(number: int, sequence: str, *, start: bool, end: bool) -> dict[str, object]:
    """Make one request of a sequence."""
    return {
        "parameters": {"sequence_id": sequence, "sequence_start": start, "sequence_end": end},
        "inputs": [{"name": "NUMBER", "datatype": "INT64", "shape": [1, 1], "data": [number]}],
        "outputs": [{"name": "SUM"}],
    }


def infer(server: str, document: dict[str, object]) -> int:
    """Send a request and return the sum in the answer."""
    body = json.dumps(document).encode()
    with urllib.request.urlopen(f"http://{server}/v2/models/{MODEL}/infer", body) as answer:
        return int(json.load(answer)["outputs"][0]["data"][0])


def main(arguments: list[str]) -> int:
    """Print the sum after each number."""
    parser = argparse.ArgumentParser(description="Add up numbers on the server.")
    parser.add_argument("numbers", nargs="+", type=int, metavar="NUMBER")
    parser.add_argument("--server", default="localhost:8000", help="host and port (default %(default)s)")
    parser.add_argument("--sequence", default="example", help="id of the sequence (default %(default)s)")
    options = parser.parse_args(arguments)
    last = len(options.numbers) - 1
    try:
        for index, number in enumerate(options.numbers):
            document = request(number, options.sequence, start=index == 0, end=index == last)
            print(infer(options.server, document))
    except urllib.error.HTTPError as error:
        print(f"The server refused: {error.read().decode()}", file=sys.stderr)
        return 1
    except OSError as error:
        print(
            f"No server answers at {options.server} ({error}); start one with 'make serve'.", file=sys.stderr
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
