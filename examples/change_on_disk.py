"""Let a model come, change and go by its files alone, while the server watches the folder.

::

    mkdir models
    trilith serve models --model-control-mode=poll --repository-poll-secs=1
    python examples/change_on_disk.py models

Needs nothing but the standard library.
"""

import argparse
import http.client
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MODEL = "add_sub"
PATIENCE = 60.0


def ask(server: str, method: str, path: str) -> tuple[int, Any]:
    """Ask the server; the status and what the answer says."""
    connection = http.client.HTTPConnection(server, timeout=PATIENCE)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        text = response.read()
    except OSError as error:
        start = "trilith serve FOLDER --model-control-mode=poll --repository-poll-secs=1"
        raise SystemExit(f"no server at {server} ({error}); start one with '{start}'") from error
    finally:
        connection.close()
    return response.status, json.loads(text) if text else None


def is_ready(server: str) -> bool:
    """Whether the model takes requests."""
    status, _ = ask(server, "GET", f"/v2/models/{MODEL}/ready")
    return status == http.client.OK


def is_listed(server: str) -> bool:
    """Whether the repository index knows the model."""
    _, entries = ask(server, "POST", "/v2/repository/index")
    return any(entry["name"] == MODEL for entry in entries)


def count_instances(server: str) -> int:
    """How many instances the model is served with."""
    status, config = ask(server, "GET", f"/v2/models/{MODEL}/config")
    return int(config["instance_group"][0]["count"]) if status == http.client.OK else 0


def wait(happened: Callable[[], bool], what: str) -> None:
    """Wait until the server has looked into the folder, and say what came of it."""
    end = time.monotonic() + PATIENCE
    while not happened():
        if time.monotonic() > end:
            raise SystemExit(f"not within {PATIENCE:.0f} s: {what}; does the server watch this folder?")
        time.sleep(0.1)
    print(what)


def main() -> None:
    """Add the model, change it, take it away."""
    parser = argparse.ArgumentParser(description="Let a model come, change and go by its files.")
    parser.add_argument("folder", type=Path, help="the repository that the server watches")
    parser.add_argument("--server", default="localhost:8000", help="host and port (default %(default)s)")
    options = parser.parse_args()
    source, place = Path(__file__).parent / "repository" / MODEL, options.folder / MODEL
    # What gets its name is complete, and what loses it goes as a whole: the server may look at any moment.
    unfinished = options.folder / f".{MODEL}"
    shutil.copytree(source, unfinished)
    unfinished.rename(place)
    wait(lambda: is_ready(options.server), "the model has come")
    config = place / "config.pbtxt"
    unfinished.write_text(config.read_text().replace("count: 1", "count: 2"))
    unfinished.replace(config)
    wait(lambda: count_instances(options.server) == 2, "it has two instances")  # noqa: PLR2004
    place.rename(unfinished)
    shutil.rmtree(unfinished)
    wait(lambda: not is_ready(options.server) and not is_listed(options.server), "it has gone")


if __name__ == "__main__":
    main()
