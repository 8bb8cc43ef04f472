"""The load generators: how they are called, and what they say.

`wrk` and `h2load` cost ten to twenty-five microseconds of CPU per request, little enough not to
hide the server beside them. Both run in one thread.
"""

import json
import re
import resource
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.errors import BenchmarkError, WrongAnswerError
from benchmarks.models import FIRST_SEQUENCE
from benchmarks.requests import Request

SCRIPT = Path(__file__).with_name("load.lua")
# Beyond the window itself: connections, the slowest reply, writing the log.
SPARE_SECONDS = 60.0
# One request of h2load's log: start time, status, microseconds.
LOG_FIELDS = 3


@dataclass(frozen=True)
class Outcome:
    """What one run of a load generator saw."""

    requests: int
    seconds: float
    p50_us: float
    p99_us: float
    cpu_seconds: float = 0.0  # that the load generator itself has used


@dataclass(frozen=True)
class Tolerance:
    """How far the FP32 values in the last `tail_bytes` of a reply may be from the expected ones."""

    value: float = 0.0
    tail_bytes: int = 0


@dataclass(frozen=True)
class Job:
    """A request to send again and again, the reply to expect, and where to keep the files for it."""

    port: int
    clients: int
    request: Request
    expected: bytes
    directory: Path
    tolerance: Tolerance = Tolerance()
    sequences: int = 0


def run_wrk(job: Job, seconds: int) -> Outcome:
    """Send the request over HTTP for that long; every reply is compared inside wrk."""
    (job.directory / "body").write_bytes(job.request.body)
    (job.directory / "expected").write_bytes(job.expected)
    headers = "".join(f"{name}: {value}\n" for name, value in job.request.headers.items())
    (job.directory / "headers").write_text(headers)
    url = f"http://127.0.0.1:{job.port}{job.request.path}"
    command = ["wrk", "--threads=1", f"--connections={job.clients}", f"--duration={seconds}s"]
    command += ["--timeout=20s", f"--script={SCRIPT}", url, "--", str(job.directory)]
    command += [
        str(job.tolerance.value),
        str(job.tolerance.tail_bytes),
        str(job.sequences),
        str(FIRST_SEQUENCE),
    ]
    text, cpu = _run(command, seconds)
    return replace(parse_wrk(text), cpu_seconds=cpu)


def parse_wrk(text: str) -> Outcome:
    """Read the line that load.lua writes at the end.

    Raises:
        WrongAnswerError: replies were wrong or did not come.

    """
    found = re.search(r"^RESULT (\{.*\})$", text, re.MULTILINE)
    if not found:
        raise BenchmarkError(f"wrk ended without a result; it said:\n{text[-1000:]}")
    result = json.loads(found[1])
    if result["wrong"] or result["failed"] or not result["requests"]:
        raise WrongAnswerError(
            f"wrk: of {result['requests']} replies {result['wrong']} were wrong, "
            f"and {result['failed']} requests failed or timed out."
        )
    return Outcome(result["requests"], result["microseconds"] / 1e6, result["p50"], result["p99"])


def run_h2load(job: Job, requests: int | None, seconds: int) -> Outcome:
    """Send the request over gRPC, one stream at a time on each connection.

    Args:
        job: what to send.
        requests: how often; a number, so that all that was sent is also counted. None to send for a time, so
            that no connection ends before the others; then the last request of each is cut short.
        seconds: how long that will take, about.

    """
    body = job.directory / "frame"
    body.write_bytes(job.request.body)
    log = job.directory / "h2load.log"
    log.unlink(missing_ok=True)
    command = ["h2load", f"--clients={job.clients}", "--threads=1"]
    if requests is None:
        command += [f"--duration={seconds}", "--warm-up-time=0"]
    else:
        command += [f"--requests={max(requests, job.clients)}"]
    command += ["--max-concurrent-streams=1", f"--data={body}", f"--log-file={log}"]
    command += [f"--header={name}: {value}" for name, value in job.request.headers.items()]
    command += [f"http://127.0.0.1:{job.port}{job.request.path}"]
    text, cpu = _run(command, seconds)
    outcome = replace(parse_h2load(text, log.read_text(), len(job.expected)), cpu_seconds=cpu)
    # As h2load says itself: what comes after the time does not count, and ending connections takes a while.
    return outcome if requests is not None else replace(outcome, seconds=float(seconds))


def parse_h2load(text: str, log: str, reply_bytes: int) -> Outcome:
    """Read h2load's summary and its log of single requests.

    gRPC says 200 on errors too, and h2load does not look at trailers. But an error comes without a
    message: so the bytes of data must be those of one right reply for each request.

    Raises:
        WrongAnswerError: requests failed, or the bytes of data are not those of right replies.

    """
    total, started, succeeded = _numbers(text, r"requests: (\d+) total, (\d+) started, .* (\d+) succeeded")
    (data,) = _numbers(text, r"traffic: .*\((\d+)\) data")
    # Where the time was over, some were on their way.
    if succeeded != total or not total * reply_bytes <= data <= max(total, started) * reply_bytes:
        raise WrongAnswerError(
            f"h2load: {succeeded} of {total} requests succeeded, with {data} bytes of data "
            f"where {total} right replies have {total * reply_bytes}."
        )
    finished = re.search(r"finished in ([\d.]+)(us|ms|s)\b", text)
    if not finished:
        raise BenchmarkError(f"h2load ended without a summary; it said:\n{text[-1000:]}")
    seconds = float(finished[1]) * {"us": 1e-6, "ms": 1e-3, "s": 1.0}[finished[2]]
    rows = (line.split("\t") for line in log.splitlines())
    times = sorted(int(row[2]) for row in rows if len(row) == LOG_FIELDS)
    return Outcome(total, seconds, percentile(times, 50), percentile(times, 99))


def percentile(ordered: list[int], percent: float) -> float:
    """Find the smallest value that at least `percent` of the ordered values do not exceed."""
    if not ordered:
        raise BenchmarkError("h2load logged no single request.")
    rank = -(-len(ordered) * percent // 100)  # rounded up
    return float(ordered[max(int(rank), 1) - 1])


def _numbers(text: str, pattern: str) -> list[int]:
    found = re.search(pattern, text)
    if not found:
        raise BenchmarkError(f"h2load ended without a summary; it said:\n{text[-1000:]}")
    return [int(group) for group in found.groups()]


def _run(command: list[str], seconds: float) -> tuple[str, float]:
    """Run a load generator within its time limit; give back what it wrote and the CPU it has used."""
    limit = seconds * 3 + SPARE_SECONDS
    before = _children_seconds()
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=limit)
    except subprocess.TimeoutExpired as error:
        raise WrongAnswerError(
            f"{command[0]} did not end within {limit:.0f} s: the server stopped answering."
        ) from error
    if done.returncode:
        raise BenchmarkError(f"{command[0]} ended with exit status {done.returncode}: {done.stderr[-1000:]}")
    return done.stdout, _children_seconds() - before


def _children_seconds() -> float:
    """User and system time of the children that have ended; servers, which live on, are not in it."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
