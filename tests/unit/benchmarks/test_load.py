import pytest
from benchmarks.errors import BenchmarkError, WrongAnswerError
from benchmarks.load import parse_h2load, parse_wrk, percentile

WRK_LINE = (
    'RESULT {"requests": 3000, "microseconds": 1500000, "wrong": 0, "failed": 0, "p50": 250, "p99": 900}'
)

H2LOAD_TEXT = """\
finished in 250.00ms, 40000.00 req/s, 5.20MB/s
requests: 4 total, 4 started, 4 done, 4 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 4 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 1.20KB (1228) total, 96B (96) headers (space savings 91.30%), 400B (400) data
"""
H2LOAD_LOG = "1700000000000001\t200\t40\n1700000000000002\t200\t10\n1700000000000003\t200\t30\n1\t200\t20\n"


def test_the_line_of_wrk_is_found_among_what_it_prints() -> None:
    outcome = parse_wrk(f"Running 3s test\n  1 threads\n{WRK_LINE}\n")
    assert (outcome.requests, outcome.seconds, outcome.p50_us, outcome.p99_us) == (3000, 1.5, 250, 900)


@pytest.mark.parametrize("flaw", ['"wrong": 1', '"failed": 1', '"requests": 0'])
def test_a_wrk_run_with_a_flaw_is_a_wrong_answer(flaw: str) -> None:
    name = flaw.split(":", maxsplit=1)[0]
    line = WRK_LINE.replace('"requests": 3000' if "requests" in flaw else f"{name}: 0", flaw)
    with pytest.raises(WrongAnswerError):
        parse_wrk(line)


def test_wrk_without_a_result_is_told_with_what_it_said() -> None:
    with pytest.raises(BenchmarkError, match="unable to connect"):
        parse_wrk("unable to connect to 127.0.0.1:1")


def test_h2load_gives_requests_seconds_and_percentiles_of_its_log() -> None:
    outcome = parse_h2load(H2LOAD_TEXT, H2LOAD_LOG, reply_bytes=100)
    assert (outcome.requests, outcome.seconds, outcome.p50_us, outcome.p99_us) == (4, 0.25, 20, 40)


@pytest.mark.parametrize(("written", "seconds"), [("3.02s", 3.02), ("90us", 9e-5)])
def test_h2load_tells_its_time_in_several_units(written: str, seconds: float) -> None:
    text = H2LOAD_TEXT.replace("250.00ms", written)
    assert parse_h2load(text, H2LOAD_LOG, 100).seconds == pytest.approx(seconds)


def test_an_error_of_grpc_is_seen_by_the_bytes_that_are_missing() -> None:
    text = H2LOAD_TEXT.replace("400B (400) data", "300B (300) data")
    with pytest.raises(WrongAnswerError, match="300 bytes of data where 4 right replies have 400"):
        parse_h2load(text, H2LOAD_LOG, reply_bytes=100)


def test_requests_that_h2load_lost_are_a_wrong_answer() -> None:
    text = H2LOAD_TEXT.replace("4 succeeded", "3 succeeded")
    with pytest.raises(WrongAnswerError, match="3 of 4"):
        parse_h2load(text, H2LOAD_LOG, reply_bytes=100)


def test_h2load_without_a_summary_is_told_with_what_it_said() -> None:
    with pytest.raises(BenchmarkError, match="usage"):
        parse_h2load("usage", "", 1)


def test_a_percentile_is_one_of_the_values() -> None:
    values = list(range(1, 101))
    assert percentile(values, 50) == 50
    assert percentile(values, 99) == 99
    assert percentile([7], 1) == 7
