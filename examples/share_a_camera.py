"""Ask two models at once that need the same thing: with the rate limiter, they have it in turns.

::

    trilith serve examples/limited --rate-limit=execution_count --rate-limit-resource=camera:1
    python examples/share_a_camera.py

Without ``--rate-limit`` all instances run whenever they have something to do.
``--rate-limit-resource=camera:2`` lets two of them run at once, of whichever model. Where both models
wait, ``portrait`` has two turns for each one of ``landscape``, whose priority is 2.
"""

import argparse
import http.client
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

MODELS = ("portrait", "landscape")
START = "trilith serve examples/limited --rate-limit=execution_count --rate-limit-resource=camera:1"


def take_picture(address: str, model: str, seconds: float) -> tuple[int, int]:
    """Ask a model for a picture; when it had the camera, in nanoseconds."""
    tensor = {"name": "EXPOSURE", "datatype": "FP32", "shape": [1, 1], "data": [seconds]}
    connection = http.client.HTTPConnection(address)
    try:
        connection.request("POST", f"/v2/models/{model}/infer", json.dumps({"inputs": [tensor]}))
        response = connection.getresponse()
        answer = json.loads(response.read())
    except OSError as error:
        raise SystemExit(f"no server at {address} ({error}); start one with '{START}'") from error
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise SystemExit(answer["error"])
    began, ended = answer["outputs"][0]["data"]
    return began, ended


def count_at_once(spans: Iterable[tuple[int, int]]) -> int:
    """Return how many of these were under way at the same time, at most."""
    changes = sorted(change for began, ended in spans for change in ((began, 1), (ended, -1)))
    most = now = 0
    for _, change in changes:
        now += change
        most = max(most, now)
    return most


def main() -> None:
    """Ask both models several times at once, and say how many instances ran together."""
    parser = argparse.ArgumentParser(description="Ask the models portrait and landscape at once.")
    parser.add_argument("--pictures", type=int, default=3, help="of each model (default: 3)")
    parser.add_argument("--seconds", type=float, default=0.2, help="for each picture (default: 0.2)")
    parser.add_argument(
        "--server", default="localhost:8000", help="where it listens (default: localhost:8000)"
    )
    arguments = parser.parse_args()
    asked = [model for model in MODELS for _ in range(arguments.pictures)]
    with ThreadPoolExecutor(len(asked)) as pool:
        taking = [pool.submit(take_picture, arguments.server, model, arguments.seconds) for model in asked]
        spans = [picture.result() for picture in taking]
    print(f"{len(spans)} pictures by {len(MODELS)} models, at most {count_at_once(spans)} at a time")


if __name__ == "__main__":
    main()
