"""Read a stream of responses as it comes, then ask a model that asks another one.

Start the server with ``trilith serve examples/streaming``, then run
``python examples/stream_words.py "some words of yours"``.
"""

import argparse
import json
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator


def ask(server: str, path: str, text: str) -> urllib.request.Request:
    """Make the request: members of the JSON that are inputs of the model become tensors."""
    body = json.dumps({"TEXT": text}).encode()
    return urllib.request.Request(f"http://{server}/v2/models/{path}", body)


def stream_words(server: str, text: str) -> Iterator[str]:
    """Yield the words as the server sends them: each is an event, a line that begins with ``data:``."""
    with urllib.request.urlopen(ask(server, "words/generate_stream", text)) as events:  # noqa: S310  as above
        for line in events:
            if line.startswith(b"data: "):
                event = json.loads(line.removeprefix(b"data: "))
                if "error" in event:
                    raise RuntimeError(event["error"])
                yield event["WORD"]


def count_words(server: str, text: str) -> int:
    """Return the number of words, from a model that asks the other one."""
    with urllib.request.urlopen(ask(server, "count_words/generate", text)) as answer:  # noqa: S310  as above
        body = json.load(answer)
    if "error" in body:
        raise RuntimeError(body["error"])
    return int(body["COUNT"])


def main(arguments: list[str]) -> int:
    """Print the words and their number."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", nargs="?", default="one response for each word")
    parser.add_argument("--server", default="localhost:8000")
    options = parser.parse_args(arguments)
    try:
        for word in stream_words(options.server, options.text):
            print(word, flush=True)
        print(count_words(options.server, options.text), "words")
    except (urllib.error.URLError, RuntimeError) as error:
        print(f"{options.server} does not answer as expected: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
