"""Send lists of different lengths at once; the server runs them in one batch without padding.

Usage::

    python examples/ragged/make_model.py
    make serve REPOSITORY=examples/ragged
    python examples/sum_lists.py 1,2,3 10,20 5
"""

import argparse
import json
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from functools import partial

MODEL = "list_sums"


def add_up(server: str, numbers: list[float]) -> float:
    """Have the server add up one list."""
    tensor = {"name": "NUMBERS", "datatype": "FP32", "shape": [1, len(numbers)], "data": numbers}
    body = json.dumps({"inputs": [tensor]}).encode()
    with urllib.request.urlopen(f"http://{server}/v2/models/{MODEL}/infer", body) as answer:
        return float(json.load(answer)["outputs"][0]["data"][0])


def read_list(text: str) -> list[float]:
    """Read numbers with commas between them."""
    return [float(number) for number in text.split(",")]


def main(arguments: list[str]) -> int:
    """Print the sum of each list."""
    parser = argparse.ArgumentParser(description="Add up lists on the server, all at once.")
    parser.add_argument("lists", nargs="+", type=read_list, metavar="NUMBER,NUMBER,...")
    parser.add_argument("--server", default="localhost:8000", help="host and port (default %(default)s)")
    options = parser.parse_args(arguments)
    try:
        with ThreadPoolExecutor(len(options.lists)) as pool:
            for total in pool.map(partial(add_up, options.server), options.lists):
                print(total)
    except urllib.error.HTTPError as error:
        print(f"The server refused: {error.read().decode()}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"No server answers at {options.server} ({error}).", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
