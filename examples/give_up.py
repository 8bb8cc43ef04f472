"""Ask for an hour of work, hang up after a moment, and hear that the model has stopped as well.

::

    trilith serve examples/withdrawn
    python examples/give_up.py

The model looks now and then at ``request.is_cancelled()``. Needs nothing but the standard library; over gRPC
it is enough to cancel the call, or to give it a deadline.
"""

import argparse
import http.client
import json
from typing import Any

HOUR = 3600.0


def send(connection: http.client.HTTPConnection, seconds: float) -> None:
    """Send a request for that much work."""
    tensor = {"name": "SECONDS", "datatype": "FP64", "shape": [1], "data": [seconds]}
    try:
        connection.request("POST", "/v2/models/long_job/infer", json.dumps({"inputs": [tensor]}))
    except OSError as error:
        start = "trilith serve examples/withdrawn"
        raise SystemExit(f"no server at {connection.host} ({error}); start one with '{start}'") from error


def main() -> None:
    """Give up a long job, and ask a short one what became of it."""
    parser = argparse.ArgumentParser(description="Give up a request.")
    parser.add_argument("--patience", type=float, default=1.0, help="seconds to wait (default: 1)")
    parser.add_argument(
        "--server", default="localhost:8000", help="where it listens (default: localhost:8000)"
    )
    arguments = parser.parse_args()

    impatient = http.client.HTTPConnection(arguments.server, timeout=arguments.patience)
    send(impatient, HOUR)
    try:
        impatient.getresponse()
    except TimeoutError:
        print(f"no answer within {arguments.patience:g} s: given up")
    impatient.close()

    # There is one instance, so that this one is answered once the model has let go of the other.
    patient = http.client.HTTPConnection(arguments.server)
    send(patient, 0.0)
    response = patient.getresponse()
    answer: dict[str, Any] = json.loads(response.read())
    if response.status != http.client.OK:
        raise SystemExit(answer["error"])
    print(f"the model says of the job before: {answer['outputs'][0]['data'][0]}")


if __name__ == "__main__":
    main()
