"""The command line of `python -m benchmarks`."""

import argparse
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# --quick: one pair in the shortest window that wrk knows.
QUICK_PAIRS = 1
QUICK_SECONDS = 1


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line; --quick sets pairs and seconds."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure Trilith beside the real Triton, in one run."
    )
    parser.add_argument(
        "--pairs", type=_positive, default=5, help="how often each pair is measured (default 5)"
    )
    parser.add_argument(
        "--seconds", type=_positive, default=3, help="seconds of load per measurement (default 3)"
    )
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="NAME", help="scenarios whose names hold one of these"
    )
    parser.add_argument(
        "--output", type=Path, default=ROOT / "benchmarks" / "results", help="where results are kept"
    )
    parser.add_argument(
        "--trilith", type=Path, default=ROOT / ".venv" / "bin" / "trilith", help="the command measured"
    )
    parser.add_argument(
        "--quick", action="store_true", help="one pair of one second each, and nothing is kept"
    )
    parser.add_argument(
        "--calibrate", action="store_true", help="the real Triton on both sides: ratios should be 1"
    )
    parser.add_argument("--strict", action="store_true", help="exit status 1 if a target was not reached")
    parser.add_argument("--list", action="store_true", help="print the names of the scenarios and end")
    options = parser.parse_args(arguments)
    if options.quick:
        options.pairs, options.seconds = QUICK_PAIRS, QUICK_SECONDS
    return options


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text}")
    return value
