"""Make a running server say more, for as long as it takes to look, and then as much as before.

::

    trilith serve examples/repository
    python examples/change_the_log.py --seconds 30

Needs nothing but the standard library.
"""

import argparse
import http.client
import json
import time
from typing import Any


def log_settings(address: str, changes: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the settings, after changing some of them if any are given."""
    connection = http.client.HTTPConnection(address)
    if changes is None:
        connection.request("GET", "/v2/logging")
    else:
        connection.request("POST", "/v2/logging", json.dumps(changes))
    response = connection.getresponse()
    answer: dict[str, Any] = json.loads(response.read())
    connection.close()
    if response.status != http.client.OK:
        raise SystemExit(answer["error"])
    return answer


def main() -> None:
    """Switch the verbose log on, wait, and restore what was set before."""
    parser = argparse.ArgumentParser(description="Have a server log verbosely for a while.")
    parser.add_argument("--server", default="localhost:8000", help="where it listens")
    parser.add_argument("--seconds", type=float, default=10.0, help="for how long")
    given = parser.parse_args()
    before = log_settings(given.server)
    del before["log_file"]
    now = log_settings(given.server, {"log_verbose_level": 1, "log_format": "ISO8601"})
    print("verbose level", now["log_verbose_level"], "in format", now["log_format"])
    try:
        time.sleep(given.seconds)
    finally:
        restored = log_settings(given.server, before)
        print("verbose level", restored["log_verbose_level"], "in format", restored["log_format"])


if __name__ == "__main__":
    main()
