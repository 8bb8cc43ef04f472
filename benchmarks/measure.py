"""Measures the chosen scenarios, prints the table, keeps the results.

Runs in the peers' environment: `python -m benchmarks` sets that up and comes here.
"""

import argparse
import signal
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import machine, peers, regions, report, runner, scenarios
from benchmarks.errors import BenchmarkError, SetupError
from benchmarks.options import ROOT, parse
from benchmarks.peers import Peers
from benchmarks.results import Result
from benchmarks.runner import Plan
from benchmarks.scenarios import BareLoop, Scenario, Side
from benchmarks.servers import Command

# What a shell reports for a program that SIGTERM has ended.
TERMINATED = 128 + signal.SIGTERM

CACHE = "--cache-config=local,size=16777216"
"""Of no effect but on models that ask for the cache; both sides read it alike."""


def main(arguments: list[str]) -> int:
    """Measure; 0 if all went well, 1 if a scenario failed (or, if strict, missed), 2 if nothing could run."""
    # So that the servers are stopped too when someone else ends the run.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        return measure(parse(arguments), peers.locate(ROOT))
    except BenchmarkError as error:
        sys.stderr.write(f"{error}\n")
        return 2


def measure(options: argparse.Namespace, place: Peers) -> int:
    """Run the scenarios, print the page and keep it."""
    chosen = scenarios.select(options.only)
    if not chosen:
        raise SetupError(f"No scenario's name holds {' or '.join(options.only)}; --list prints them all.")
    if options.calibrate:
        # The real Triton at hand brings no ONNX Runtime to be held against a bare loop.
        chosen = [row for row in chosen if not isinstance(row.peer, BareLoop)]
    when, facts = datetime.now(UTC), describe(options)
    with regions.removed_at_end(), tempfile.TemporaryDirectory(prefix="benchmarks-") as directory:
        plan = runner.Plan(
            commands=commands(options, place),
            python=bare_python(options.trilith, place),
            perf_analyzer=Command("", place.perf_analyzer_command(), place.perf_analyzer_environment()),
            magika=place.magika_model,
            built=place.directory,
            directory=Path(directory),
            pairs=options.pairs,
            seconds=options.seconds,
            calibrate=options.calibrate,
        )
        keep = None if options.quick or options.calibrate else options.output
        results = collect(plan, chosen, keep, (facts, when))
    sys.stdout.write(report.markdown(results, facts, when))
    failed = any(result.failure for result in results)
    return 1 if failed or (options.strict and report.missed(results)) else 0


def collect(
    plan: Plan, chosen: list[Scenario], keep: Path | None, header: tuple[Mapping[str, str], datetime]
) -> list[Result]:
    """Run the scenarios, saying how far it has come.

    What there is so far is kept after each of them: a run that is broken off has not been for nothing.
    """
    facts, when = header
    stem = f"{when:%Y-%m-%d-%H%M}-{machine.slug(facts)}"
    results: list[Result] = []
    for number, result in enumerate(runner.run_all(plan, chosen), start=1):
        results.append(result)
        sys.stderr.write(f"[{number}/{len(chosen)}] {report.brief(result)}\n")
        if keep is not None:
            report.write(keep, stem, results, header)
    if keep is not None:
        sys.stderr.write(f"Kept as {keep / stem}.md and .json.\n")
    return results


def describe(options: argparse.Namespace) -> Mapping[str, str]:
    """Describe the machine, and how this run went about it."""
    triton = "Triton 2.51 (nvidia-pytriton 0.7.0) with its python backend"
    return {
        **machine.describe(ROOT),
        "subject": triton if options.calibrate else "Trilith",
        "peer": triton,
        "pairs": f"{options.pairs}, of {options.seconds} s each, alternating",
    }


def commands(options: argparse.Namespace, place: Peers) -> Mapping[Side, Command]:
    """How either side is started."""
    triton = Command("the real Triton", place.triton_command(), place.triton_environment(), (CACHE,))
    if options.calibrate:
        return {Side.TRILITH: triton, Side.TRITON: triton}
    if not options.trilith.exists():
        raise SetupError(
            f"{options.trilith} does not exist: build Trilith first, or name its command with --trilith."
        )
    words = [str(options.trilith.absolute()), "serve"]
    # What the peer allows without being asked.
    ours = Command("Trilith", words, flags=("--allow-client-shm=true", CACHE))
    return {Side.TRILITH: ours, Side.TRITON: triton}


def bare_python(trilith: Path, place: Peers) -> Path:
    """Find the interpreter beside the measured command, whose ONNX Runtime it uses; else the peers' own."""
    beside = trilith.absolute().parent / "python"
    return beside if beside.exists() else place.python


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
