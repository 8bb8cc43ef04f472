"""Say where requests spent their time, from a trace file.

::

    TRACE="--trace-config=triton,file=trace.json --trace-config=level=TIMESTAMPS --trace-config=rate=1"
    trilith serve examples/repository $TRACE
    python examples/running_sum.py        # or any other requests
    python examples/trace_summary.py trace.json

The file holds the traces that have ended, at any time. Needs nothing but the standard library;
the tools that read Triton's trace files read it as well.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

PARTS = {
    "queue": ("QUEUE_START", "COMPUTE_START"),
    "inputs": ("COMPUTE_START", "COMPUTE_INPUT_END"),
    "model": ("COMPUTE_INPUT_END", "COMPUTE_OUTPUT_START"),
    "outputs": ("COMPUTE_OUTPUT_START", "COMPUTE_END"),
    "in all": ("REQUEST_START", "REQUEST_END"),
}


def read(path: Path) -> dict[str, list[dict[str, int]]]:
    """Return the points in time of every trace, by model."""
    subjects: dict[int, str] = {}
    times: dict[int, dict[str, int]] = defaultdict(dict)
    entries: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    for entry in entries:
        if "model_name" in entry:
            subjects[entry["id"]] = entry["model_name"]
        for mark in entry.get("timestamps", []):
            times[entry["id"]][mark["name"]] = mark["ns"]
    by_model: dict[str, list[dict[str, int]]] = defaultdict(list)
    for number, name in subjects.items():
        by_model[name].append(times[number])
    return by_model


def average(traces: list[dict[str, int]], part: str) -> float | None:
    """Return the microseconds that a part takes on average; ``None`` where no trace has it."""
    begin, end = PARTS[part]
    spans = [marks[end] - marks[begin] for marks in traces if begin in marks and end in marks]
    return sum(spans) / len(spans) / 1000 if spans else None


def main() -> None:
    """Print a line for each model and part."""
    parser = argparse.ArgumentParser(description="Summarise a trace file.")
    parser.add_argument("file", type=Path, help="what --trace-config=triton,file=... names")
    for model, traces in sorted(read(parser.parse_args().file).items()):
        print(f"{model}: {len(traces)} traced")
        for part in PARTS:
            microseconds = average(traces, part)
            if microseconds is not None:
                print(f"  {part:8} {microseconds:10.1f} us")


if __name__ == "__main__":
    main()
