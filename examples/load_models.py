"""Loads a model at run time, changes its configuration, and unloads it again.

    trilith serve examples/repository --model-control-mode=explicit
    python examples/load_models.py

Needs nothing but Python: model control is plain HTTP.
"""

import json
import sys
import urllib.request
from typing import Any

MODEL = "add_sub"


def post(server: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Send a POST request; what the answer says, or ``None`` where it says nothing."""
    request = urllib.request.Request(f"http://{server}/v2/{path}", json.dumps(body or {}).encode())
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  an address of our own making
        text = answer.read()
    return json.loads(text) if text else None


def read_config(server: str) -> dict[str, Any]:
    """Return the configuration that the model is served with."""
    with urllib.request.urlopen(f"http://{server}/v2/models/{MODEL}/config", timeout=60) as answer:
        config: dict[str, Any] = json.load(answer)
    return config


def read_state(server: str) -> str:
    """Return the state of the model in the repository index."""
    entries = [entry for entry in post(server, "repository/index") if entry["name"] == MODEL]
    return str(entries[0].get("state", "not loaded")) if entries else "not there"


def main(server: str = "localhost:8000") -> list[str]:
    """Run through a model's life; what was seen at each step."""
    seen = [f"at first: {read_state(server)}"]
    post(server, f"repository/models/{MODEL}/load")
    seen.append(f"after the load: {read_state(server)}")
    config = read_config(server)
    config["instance_group"] = [{"count": 2, "kind": "KIND_CPU"}]
    # What only changes the number of instances does not load the model again.
    post(server, f"repository/models/{MODEL}/load", {"parameters": {"config": json.dumps(config)}})
    seen.append(f"instances: {read_config(server)['instance_group'][0]['count']}")
    post(server, f"repository/models/{MODEL}/unload")
    seen.append(f"after the unload, ready models: {len(post(server, 'repository/index', {'ready': True}))}")
    return seen


if __name__ == "__main__":
    print("\n".join(main(*sys.argv[1:])))
