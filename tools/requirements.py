"""Print what pip has to install for a purpose, one requirement per line, as pyproject.toml says it.

Usage: ``python tools/requirements.py build|checks``.

pip installs dependency groups by itself only from version 25.1 on, and a new virtual environment often
holds an older one.
"""

import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PYPROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"
# The example repository holds ONNX models, so that serving it takes this optional dependency.
EXAMPLE_EXTRA = "onnxruntime"


def requirements(pyproject: Mapping[str, Any], purpose: str) -> list[str]:
    """Return what ``purpose`` needs: ``build`` to build and serve the examples, ``checks`` to test."""
    if purpose == "checks":
        return list(pyproject["dependency-groups"]["dev"])
    project = pyproject["project"]
    return [
        *pyproject["build-system"]["requires"],
        *project["dependencies"],
        *project["optional-dependencies"][EXAMPLE_EXTRA],
    ]


def main(arguments: list[str]) -> int:
    """Print them."""
    if arguments not in (["build"], ["checks"]):
        print("usage: requirements.py build|checks", file=sys.stderr)
        return 2
    print(*requirements(tomllib.loads(PYPROJECT.read_text(encoding="utf-8")), arguments[0]), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
