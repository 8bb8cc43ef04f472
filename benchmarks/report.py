"""From the figures of pairs to ratios, a table at the terminal, and files that can be kept."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from statistics import median

from benchmarks.results import Result
from benchmarks.scenarios import Limit

# In the order of columns; "less is better" holds for all but throughput and batch.
FIGURES = {
    "cpu_us": "CPU us/request",
    "throughput": "requests/s",
    "p50_us": "p50 us",
    "p99_us": "p99 us",
    "batch": "mean batch",
    "client_us": "load generator's CPU us/request",
    "ready_s": "ready s",
    "resident_mb": "resident MB",
    "network_us": "network and wire us",
    "queue_us": "queue us",
    "input_us": "compute input us",
    "infer_us": "compute infer us",
    "output_us": "compute output us",
}


LEGEND = (
    "Subject and peer are medians over the pairs; the ratio is the median of the ratios, pair by pair. "
    "What is measured, and how, stands in benchmarks/README.md."
)


@dataclass(frozen=True)
class Line:
    """One figure of one scenario: medians of both sides, the median of the pairs' ratios, the target."""

    scenario: str
    figure: str
    subject: float
    peer: float | None
    ratio: float | None
    target: str
    compared: float | None  # what was held against the target
    met: bool | None


def lines(result: Result) -> list[Line]:
    """Make the lines of one scenario: first the figures that have a target, then the others."""
    if not result.pairs:
        return []
    limits = {limit.figure: limit for limit in result.scenario.limits}
    known = [figure for figure in FIGURES if figure in result.pairs[0][0]]
    ordered = sorted(known, key=lambda figure: figure not in limits)
    return [_line(result, figure, limits.get(figure)) for figure in ordered]


def _line(result: Result, figure: str, limit: Limit | None) -> Line:
    subject = median(ours[figure] for ours, _ in result.pairs)
    theirs = [peer[figure] for _, peer in result.pairs if figure in peer]
    quotient = result.ratio(figure)
    target, value, met = "", None, None
    if limit is not None:
        value = subject if limit.absolute else quotient
        sign = ">=" if limit.at_least else "<="
        target = f"{sign} {limit.bound:g}" + (" (itself)" if limit.absolute else "")
        met = value is not None and limit.is_met(value)
    name = result.scenario.name
    peer = median(theirs) if theirs else None
    return Line(name, figure, subject, peer, quotient, target, value, met)


def table(results: list[Result]) -> str:
    """Everything as a Markdown table that can also be read at a terminal."""
    rows = [["scenario", "figure", "subject", "peer", "ratio", "target", "met"]]
    for result in results:
        for line in lines(result):
            met = "" if line.met is None else "yes" if line.met else "NO"
            cells = [line.scenario, FIGURES[line.figure], _number(line.subject), _number(line.peer)]
            rows.append([*cells, _number(line.ratio, places=3), line.target, met])
    return _aligned(rows)


def _aligned(rows: list[list[str]]) -> str:
    """Rows as a Markdown table whose columns stand under each other; the first one is the head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    whole = [rows[0], ["-" * width for width in widths], *rows[1:]]
    padded = (" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in whole)
    return "\n".join(f"| {row} |" for row in padded)


def verdicts(results: list[Result]) -> str:
    """Say what was to be reached, and whether it was: a row per target, and one where there is none."""
    rows = [["scenario", "figure", "target", "reached", "met"]]
    for result in results:
        name = result.scenario.name
        if result.failure:
            rows.append([name, "", "", "failed", "NO"])
            continue
        held = [line for line in lines(result) if line.met is not None]
        for line in held:
            reached = _number(line.compared, places=3)
            rows.append([name, FIGURES[line.figure], line.target, reached, "yes" if line.met else "NO"])
        if not held:
            rows.append([name, "", "none, for the record", "", ""])
    return _aligned(rows)


def brief(result: Result) -> str:
    """One result in a line, for the one who waits: its targets, or why it failed."""
    if result.failure:
        return f"{result.scenario.name}: FAILED"
    said = [
        f"{line.figure} {_number(line.compared, places=3)} ({line.target}) {'met' if line.met else 'NOT met'}"
        for line in lines(result)
        if line.met is not None
    ]
    return f"{result.scenario.name}: {', '.join(said) or 'measured'}"


def failures(results: list[Result]) -> str:
    """Why scenarios failed, one paragraph each; empty if none did."""
    return "\n".join(f"- {result.scenario.name}: {result.failure}" for result in results if result.failure)


def missed(results: list[Result]) -> list[str]:
    """List the scenarios with a target that was not reached."""
    return [result.scenario.name for result in results if any(line.met is False for line in lines(result))]


def tally(results: list[Result]) -> str:
    """Count the targets that were reached, and name the scenarios that did not reach theirs."""
    marks = [line.met for result in results for line in lines(result) if line.met is not None]
    short = [*missed(results), *(f"{result.scenario.name} (failed)" for result in results if result.failure)]
    rest = f" Not reached: {', '.join(dict.fromkeys(short))}." if short else ""
    return f"{sum(marks)} of {len(marks)} targets reached.{rest}"


def markdown(results: list[Result], facts: Mapping[str, str], when: datetime) -> str:
    """Write the page that is kept: the machine, the table, what failed."""
    parts = [
        f"# Trilith beside the real Triton, {when:%Y-%m-%d %H:%M}",
        "\n".join(f"- {name}: {value}" for name, value in facts.items()),
        LEGEND,
        table(results),
    ]
    parts += ["## Targets", tally(results), verdicts(results)]
    failed = failures(results)
    if failed:
        parts.append("## Failed\n\n" + failed)
    return "\n\n".join(parts) + "\n"


def as_json(results: list[Result], facts: Mapping[str, str], when: datetime) -> str:
    """Every figure of every pair, for those who want to reckon anew."""
    document = {
        "date": when.isoformat(timespec="seconds"),
        "machine": dict(facts),
        "scenarios": [
            {
                "name": result.scenario.name,
                "subject": f"{result.scenario.subject}",
                "peer": f"{result.scenario.peer}",
                "lines": [asdict(line) for line in lines(result)],
                "pairs": [{"subject": dict(subject), "peer": dict(peer)} for subject, peer in result.pairs],
                "failure": result.failure,
            }
            for result in results
        ],
    }
    return json.dumps(document, indent=1) + "\n"


def write(
    directory: Path, stem: str, results: list[Result], header: tuple[Mapping[str, str], datetime]
) -> Path:
    """Keep the page and the JSON beside each other and give back the page's path."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{stem}.md"
    path.write_text(markdown(results, *header))
    path.with_suffix(".json").write_text(as_json(results, *header))
    return path


def _number(value: float | None, places: int = 1) -> str:
    if value is None:
        return ""
    # Three digits that count, for seconds as well as for requests per second.
    return f"{value:.{max(places, 3)}f}" if abs(value) < 1 or places > 1 else f"{value:.{places}f}"
