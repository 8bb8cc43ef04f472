"""Ask two models at once that share one resource: they take turns, though each has an instance of its own.

::

    trilith serve examples/rate_limited --rate-limit=execution_count
    python examples/take_turns.py

Without ``--rate-limit`` they run side by side. Needs nothing but the standard library.
"""

import argparse
import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

MODELS = ("summarize", "translate")


def ask(address: str, model: str, seconds: float) -> tuple[float, float]:
    """Let a model work that long; when it began and ended, by the clock of the machine."""
    tensor = {"name": "SECONDS", "datatype": "FP64", "shape": [1], "data": [seconds]}
    connection = http.client.HTTPConnection(address)
    try:
        connection.request("POST", f"/v2/models/{model}/infer", json.dumps({"inputs": [tensor]}))
        response = connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
    except OSError as error:
        start = "trilith serve examples/rate_limited --rate-limit=execution_count"
        raise SystemExit(f"no server at {address} ({error}); start one with '{start}'") from error
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise SystemExit(answer["error"])
    began, ended = answer["outputs"][0]["data"]
    return began, ended


def main() -> None:
    """Ask both, and say whether one waited for the other."""
    parser = argparse.ArgumentParser(description="Ask two models that share a resource.")
    parser.add_argument("--seconds", type=float, default=0.5, help="how long each works (default: 0.5)")
    parser.add_argument(
        "--server", default="localhost:8000", help="where it listens (default: localhost:8000)"
    )
    arguments = parser.parse_args()
    with ThreadPoolExecutor(len(MODELS)) as pool:
        asked = {model: pool.submit(ask, arguments.server, model, arguments.seconds) for model in MODELS}
    runs = sorted((*future.result(), model) for model, future in asked.items())
    (_, first_ended, _), (second_began, _, _) = runs
    for began, ended, model in sorted(runs, key=lambda run: run[2]):
        print(f"{model} ran for {ended - began:.1f} s")
    print("they took turns" if first_ended <= second_began else "they ran side by side")


if __name__ == "__main__":
    main()
