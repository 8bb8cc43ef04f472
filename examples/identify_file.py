"""Ask a running server what type a file has, with nothing but the standard library.

::

    python examples/identify_file.py README.md Makefile
    python examples/identify_file.py --request README.md | curl -d @- localhost:8000/v2/models/magika/infer

The network `magika` knows 214 types of files by their bytes.
"""

import argparse
import http.client
import json
import sys
from pathlib import Path
from typing import Any

# What the network was trained on: the first and the last 1024 bytes after white space at the ends of the
# file, out of at most one block at either end. 256 stands where the file has no byte.
BLOCK = 4096
PART = 1024
PADDING = 256
# Below this many bytes the network was never asked in training.
SHORTEST = 8
CLASSES = 3


def features(content: bytes) -> list[int]:
    """Return the 2048 numbers by which the network sees a file."""
    begin = content[:BLOCK].lstrip()[:PART]
    end = content[-BLOCK:].rstrip()[-PART:]
    gap = [PADDING]
    return [*begin, *gap * (PART - len(begin)), *gap * (PART - len(end)), *end]


def request(contents: list[bytes]) -> dict[str, Any]:
    """Return an inference request for a batch of files, asking for the likeliest types by name."""
    rows = [features(content) for content in contents]
    return {
        "inputs": [{"name": "bytes", "datatype": "INT32", "shape": [len(rows), 2 * PART], "data": rows}],
        "outputs": [{"name": "target_label", "parameters": {"classification": CLASSES}}],
    }


def infer(server: str, document: dict[str, Any]) -> list[str]:
    """Send a request and return the answers, each ``score:index:label``.

    Raises:
        OSError: no server answers.
        ValueError: the server refused; the message is its own.
    """
    connection = http.client.HTTPConnection(server, timeout=30)
    connection.request("POST", "/v2/models/magika/infer", json.dumps(document))
    reply = connection.getresponse()
    answer = json.loads(reply.read())
    if reply.status != http.client.OK:
        raise ValueError(answer.get("error", f"status {reply.status}"))
    return [str(entry) for entry in answer["outputs"][0]["data"]]


def sentence(path: Path, guesses: list[str]) -> str:
    """Say what a file is, and what it might be instead."""
    parts = [guess.split(":") for guess in guesses]
    likeliest, *others = [f"{label} ({float(score):.1%})" for score, _, label in parts]
    return f"{path}: {likeliest}, then {', '.join(others)}"


def main(arguments: list[str]) -> int:
    """Name the type of every file given."""
    parser = argparse.ArgumentParser(description="Name the type of files by their bytes.")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--server", default="localhost:8000", help="host and port (default %(default)s)")
    parser.add_argument("--request", action="store_true", help="print the request instead of sending it")
    options = parser.parse_args(arguments)
    contents = [path.read_bytes() for path in options.files]
    for path, content in zip(options.files, contents, strict=True):
        if len(content.strip()) < SHORTEST:
            parser.error(f"{path} holds fewer than {SHORTEST} bytes, which is too little to tell")
    document = request(contents)
    if options.request:
        print(json.dumps(document))
        return 0
    try:
        answers = infer(options.server, document)
    except OSError as error:
        print(
            f"No server answers at {options.server} ({error}); start one with 'make serve'.", file=sys.stderr
        )
        return 1
    except ValueError as error:
        print(f"The server refused: {error}", file=sys.stderr)
        return 1
    for index, path in enumerate(options.files):
        print(sentence(path, answers[index * CLASSES : (index + 1) * CLASSES]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
