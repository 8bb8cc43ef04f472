"""`python -m benchmarks`: sets up the peers, then measures under the Python that has the real clients."""

import os
import sys

from benchmarks import peers, scenarios
from benchmarks.errors import BenchmarkError
from benchmarks.options import ROOT, parse


def main(arguments: list[str]) -> int:
    """List the scenarios, or measure them in the peers' environment."""
    options = parse(arguments)
    if options.list:
        sys.stdout.write("".join(f"{scenario.name}\n" for scenario in scenarios.SCENARIOS))
        return 0
    try:
        enter(arguments)
    except BenchmarkError as error:
        sys.stderr.write(f"{error}\n")
    return 2


def enter(arguments: list[str]) -> None:
    """Set up what is missing and become `benchmarks.measure`; comes back only by an exception."""
    place = peers.locate(ROOT)
    peers.prepare(place)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [str(place.python), "-m", "benchmarks.measure", *arguments]
    os.execve(place.python, command, environment)  # noqa: S606 - no shell is wanted here


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
