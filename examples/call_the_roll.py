"""Run two sequences at once; control inputs tell the model which is which, and where each starts and ends.

::

    trilith serve examples/controls
    python examples/call_the_roll.py

Needs nothing but the standard library.
"""

import argparse
import http.client
import json

CLASSES = {1: ["Ada", "Blaise", "Carl"], 2: ["Diophantus", "Emmy", "Fermat"]}


def call(server: str, sequence: int, index: int) -> str:
    """Call one name; the list so far."""
    names = CLASSES[sequence]
    place = {
        "sequence_id": sequence,
        "sequence_start": index == 0,
        "sequence_end": index == len(names) - 1,
    }
    tensor = {"name": "NAME", "datatype": "BYTES", "shape": [1, 1], "data": [names[index]]}
    connection = http.client.HTTPConnection(server)
    try:
        body = json.dumps({"parameters": place, "inputs": [tensor]})
        connection.request("POST", "/v2/models/roll_call/infer", body)
        answer = json.load(connection.getresponse())
    except OSError as error:
        start = "trilith serve examples/controls"
        raise SystemExit(f"no server at {server} ({error}); start one with '{start}'") from error
    finally:
        connection.close()
    if "error" in answer:
        raise SystemExit(answer["error"])
    return str(answer["outputs"][0]["data"][0])


def main() -> None:
    """Call names of both classes by turns."""
    parser = argparse.ArgumentParser(description="Call the roll of two classes at once.")
    parser.add_argument("--server", default="localhost:8000", help="host and port (default %(default)s)")
    server = parser.parse_args().server
    for index in range(3):
        for sequence in CLASSES:
            print(call(server, sequence, index))


if __name__ == "__main__":
    main()
