"""Make the Python environment that the model ``teller`` runs in, with a module that is nowhere else.

::

    python examples/make_environment.py
    trilith serve examples/environments
    curl -s localhost:8000/v2/models/teller/generate -d '{"MODULE": "only_here"}'

The environment has to hold NumPy. Here it takes that of the Python which runs this script, so that nothing
is fetched; in an environment of your own, ``pip install`` it, and pack it with ``conda-pack`` if it is to
travel.
"""

import argparse
import importlib.util
import sysconfig
import venv
from pathlib import Path

PLACE = Path(__file__).parent / "environments" / "teller" / "environment"


def make(folder: Path) -> None:
    """Make an environment with a module of its own."""
    found = importlib.util.find_spec("numpy")
    if found is None or found.origin is None:
        raise SystemExit("NumPy is missing; run this with the Python that 'trilith' runs with")
    venv.EnvBuilder(symlinks=True).create(folder)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    (packages / "only_here.py").write_text('"""I am only in this environment."""\n', encoding="utf-8")
    (packages / "numpy_from_elsewhere.pth").write_text(f"{Path(found.origin).parents[1]}\n", encoding="utf-8")


def main() -> None:
    """Make it where the model looks for it."""
    parser = argparse.ArgumentParser(description="Make the environment of the model teller.")
    parser.add_argument("folder", nargs="?", type=Path, default=PLACE, help="default: beside the model")
    folder = parser.parse_args().folder
    make(folder)
    print(f"made {folder}")


if __name__ == "__main__":
    main()
