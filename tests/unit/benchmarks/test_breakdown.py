import pytest
from benchmarks.breakdown import parse
from benchmarks.errors import BenchmarkError

PAGE = (
    "Concurrency,Inferences/Second,Client Send,Network+Server Send/Recv,Server Queue,Server Compute Input,"
    "Server Compute Infer,Server Compute Output,Client Recv,p50 latency,p90 latency,p95 latency,p99 latency\n"
    "16,7728.93,2,854,417,66,280,441,0,1805,3151,3978,6442\n"
)


def test_the_parts_of_the_latency_are_read_by_the_names_of_the_columns() -> None:
    figures = parse(PAGE)
    assert (figures["throughput"], figures["queue_us"], figures["network_us"]) == (7728.93, 417, 854)


def test_a_page_without_the_columns_is_told() -> None:
    with pytest.raises(BenchmarkError, match="without the columns"):
        parse("Concurrency\n1\n")
