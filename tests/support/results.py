"""A result that really serves: a launcher that starts this server, a manifest and a plan."""

import json
import sys
from pathlib import Path

import trilith
from support.images import make_result
from trilith.build.result import PLAN

SOURCE = Path(trilith.__file__).parent.parent
LAUNCHER = f'#!/bin/sh\nPYTHONPATH={SOURCE} exec {sys.executable} -m trilith.cli.main "$@"\n'
PARTS = ("core.server", "endpoint.http", "endpoint.grpc", "endpoint.metrics", "backend.identity")


def make_server(root: Path, parts: tuple[str, ...] = PARTS, launcher: str = LAUNCHER) -> Path:
    """Write a result."""
    plan = {
        "catalogue": "trilith",
        "machine": "",
        "parts": [{"key": key, "chosen": True} for key in parts],
        "settings": {"python-version": "3.11"},
    }
    files = {
        "bin/trilith": ("core.server", launcher.encode()),
        PLAN: ("core.server", json.dumps(plan).encode()),
    }
    files |= {f"lib/{key}": (key, b"code") for key in parts}
    make_result(root, files)
    return root
