"""Read the steps of a model that hands its requests back until they are done.

::

    trilith serve examples/in_steps
    python examples/follow_steps.py 6

Needs nothing but the standard library; the steps come as server-sent events.
"""

import argparse
import json
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator


def follow(server: str, number: int) -> Iterator[int]:
    """Yield the numbers as the server sends them."""
    body = json.dumps({"NUMBER": number}).encode()
    request = urllib.request.Request(f"http://{server}/v2/models/collatz/generate_stream", body)
    with urllib.request.urlopen(request) as events:  # noqa: S310  the address is the user's own
        for line in events:
            if line.startswith(b"data: "):
                event = json.loads(line.removeprefix(b"data: "))
                if "error" in event:
                    raise RuntimeError(event["error"])
                yield int(event["STEP"])


def main(arguments: list[str]) -> int:
    """Print the numbers in one line."""
    parser = argparse.ArgumentParser(description="Halve even numbers, triple odd ones and add one.")
    parser.add_argument("number", nargs="?", type=int, default=6, help="where to begin (default: 6)")
    parser.add_argument("--server", default="localhost:8000")
    options = parser.parse_args(arguments)
    try:
        print(options.number, *follow(options.server, options.number))
    except (urllib.error.URLError, RuntimeError) as error:
        start = "trilith serve examples/in_steps"
        print(f"{options.server} does not answer ({error}); start one with '{start}'", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
