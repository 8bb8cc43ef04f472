"""Runs the scripts of a build."""

import os
from pathlib import Path

from trilith.build.files import OUTER, inner_script
from trilith.build.model import Plan
from trilith.build.processes import show


def run(plan: Plan, folder: Path) -> int:
    """Run the script that builds, in the foreground; its exit status."""
    name = OUTER if plan.containers else inner_script(plan)
    environment = dict(os.environ)
    if plan.catalogue.head.builder == "wheel" and not plan.folders.source:
        environment.setdefault("SOURCE_DIR", str(Path.cwd()))
    return show([str((folder / name).resolve())], environment=environment)
