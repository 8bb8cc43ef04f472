"""Ask a model that loads another one when it is needed, and read what it counts.

    trilith serve examples/on_demand --model-control-mode=explicit --load-model=desk
    python examples/load_on_demand.py Ada Grace

Needs nothing but Python.
"""

import argparse
import json
import sys
import urllib.request


def ask(server: str, model: str, text: str) -> str:
    """Have the desk hand a text to a model; the model's answer."""
    body = json.dumps({"MODEL": model, "TEXT": text}).encode()
    request = urllib.request.Request(f"http://{server}/v2/models/desk/generate", body)
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  an address of our own making
        return str(json.load(answer)["ANSWER"])


def read_counts(metrics: str) -> list[str]:
    """Return the lines of the metrics that the desk counts."""
    with urllib.request.urlopen(f"http://{metrics}/metrics", timeout=60) as answer:
        lines = answer.read().decode().splitlines()
    return [line for line in lines if line.startswith("desk_")]


def main(arguments: list[str]) -> None:
    """Print the answers, then the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=["Ada"])
    parser.add_argument("--server", default="localhost:8000")
    parser.add_argument("--metrics", default="localhost:8002")
    options = parser.parse_args(arguments)
    for name in options.names:
        print(ask(options.server, "greeter", name))
    print("\n".join(read_counts(options.metrics)))


if __name__ == "__main__":
    main(sys.argv[1:])
