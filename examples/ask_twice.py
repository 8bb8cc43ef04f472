"""Ask a slow model the same question several times: the first answer takes its time, the others are kept.

::

    trilith serve examples/cached --cache-config=local,size=1048576
    python examples/ask_twice.py 7 7 7
"""

import argparse
import http.client
import json
import time
from typing import Any

MODEL = "/v2/models/slow_square"


def ask(address: str, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Ask the server; an answer that is not good ends the script with the server's words."""
    connection = http.client.HTTPConnection(address)
    try:
        connection.request(method, path, json.dumps(body) if body else None)
        response = connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
    except OSError as error:
        start = "trilith serve examples/cached --cache-config=local,size=1048576"
        raise SystemExit(f"no server at {address} ({error}); start one with '{start}'") from error
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise SystemExit(answer["error"])
    return answer


def count(address: str) -> tuple[int, int]:
    """Return how many answers came from the cache, and how many did not."""
    found = ask(address, "GET", f"{MODEL}/stats")["model_stats"][0]["inference_stats"]
    return found["cache_hit"]["count"], found["cache_miss"]["count"]


def main() -> None:
    """Ask for the squares of the numbers, and say how long each took."""
    parser = argparse.ArgumentParser(description="Ask the model slow_square, maybe more than once.")
    parser.add_argument("number", nargs="*", type=float, default=[7.0, 7.0, 7.0])
    parser.add_argument(
        "--server", default="localhost:8000", help="where it listens (default: localhost:8000)"
    )
    arguments = parser.parse_args()
    hits, misses = count(arguments.server)
    for number in arguments.number:
        tensor = {"name": "NUMBER", "datatype": "FP32", "shape": [1, 1], "data": [number]}
        began = time.monotonic()
        answer = ask(arguments.server, "POST", f"{MODEL}/infer", {"inputs": [tensor]})
        took = (time.monotonic() - began) * 1000
        print(f"{number:g} squared is {answer['outputs'][0]['data'][0]:g}; {took:.1f} ms")
    now = count(arguments.server)
    print(f"{now[0] - hits} from the cache, {now[1] - misses} from the model")


if __name__ == "__main__":
    main()
