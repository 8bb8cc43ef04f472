"""Metrics that a model.py counts for itself, in worker processes and in threads of the server."""

from collections.abc import Iterator

import pytest
from tritonclient.utils import InferenceServerException

from support.exposition import scrape
from support.obedient import tell, write_obedient
from support.server import ServerProcess, wait_until

FAMILY = 'family = pb_utils.MetricFamily("{name}", "of a test", pb_utils.MetricFamily.{kind})\n'
RAISED = r"execute\(\) raised"
AT_START = (
    'family = pb_utils.MetricFamily(name="seen_total", description="Requests seen", '
    "kind=pb_utils.MetricFamily.COUNTER);metric = family.Metric(labels=dict(who=args['model_name']));"
    "metric.increment(1)"
)


@pytest.fixture(scope="module")
def server(isolation: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    repository = tmp_path_factory.mktemp("metrics")
    for name, count in (("counting", 1), ("together", 2)):
        write_obedient(repository, name, count=count, isolation=isolation, initialize=AT_START)
    write_obedient(repository, "leaving", isolation=isolation, initialize=AT_START)
    flags = ("--model-control-mode=explicit", "--load-model=*")
    with ServerProcess(repository, *flags, tolerates=RAISED) as process:
        yield process


def test_what_initialize_counts_is_shown_with_its_labels(server: ServerProcess) -> None:
    shown = scrape(server)
    assert shown.kinds["seen_total"] == "counter"
    assert shown.value("seen_total", who="counting") == 1


def test_instances_share_what_has_the_same_labels(server: ServerProcess) -> None:
    assert scrape(server).value("seen_total", who="together") == 2
    assert tell(server, "together", "metric.increment(0.5)\nprint(metric.value())") == "2.5"


def test_counts_are_shown_once_the_answer_is_there(server: ServerProcess) -> None:
    tell(server, "counting", FAMILY.format(name="steps", kind="COUNTER") + "steps = family.Metric()")
    for number in range(1, 6):
        tell(server, "counting", "steps.increment(1)")
        assert scrape(server).value("steps") == number


def test_gauges_go_up_and_down(server: ServerProcess) -> None:
    code = "gauge = family.Metric(labels={'a': 'x\"y\\n\\\\'})\ngauge.set(3)\ngauge.increment(-5.5)"
    tell(server, "counting", FAMILY.format(name="level", kind="GAUGE") + code)
    shown = scrape(server)
    assert shown.kinds["level"] == "gauge"
    assert shown.labels("level") == [{"a": r"x\"y\n\\"}]
    assert shown.value("level") == -2.5


def test_histograms_count_by_size(server: ServerProcess) -> None:
    code = "sizes = family.Metric(buckets=[0.5, 1, 10])\nfor size in (0.5, 2, 70): sizes.observe(size)"
    tell(server, "counting", FAMILY.format(name="sizes", kind="HISTOGRAM") + code)
    shown = scrape(server)
    assert [shown.value("sizes_bucket", le=bound) for bound in ("0.5", "1", "10", "+Inf")] == [1, 1, 2, 3]
    assert (shown.value("sizes_count"), shown.value("sizes_sum")) == (3, 72.5)


def test_threads_count_after_execute_has_returned(server: ServerProcess) -> None:
    code = """
import threading
late = family.Metric()
go = threading.Event()
def count():
    go.wait(30)
    for _ in range(100): late.increment(1)
threads = [threading.Thread(target=count) for _ in range(4)]
for thread in threads: thread.start()
threading.Timer(0, go.set).start()
"""
    tell(server, "counting", FAMILY.format(name="late", kind="COUNTER") + code)
    wait_until(lambda: scrape(server).value("late") == 400, "the count of all threads")


def test_metrics_go_with_their_family(server: ServerProcess) -> None:
    tell(server, "counting", FAMILY.format(name="brief", kind="GAUGE") + "brief = family.Metric()")
    assert "brief" in scrape(server).kinds
    assert "has been deleted" in tell(
        server,
        "counting",
        "del family\ntry: brief.set(1)\nexcept pb_utils.TritonModelException as error: print(error)",
    )
    assert "brief" not in scrape(server).kinds
    tell(server, "counting", FAMILY.format(name="brief", kind="COUNTER") + "family.Metric()")
    assert scrape(server).kinds["brief"] == "counter"


def test_metrics_go_when_their_model_is_unloaded(server: ServerProcess) -> None:
    assert scrape(server).value("seen_total", who="leaving") == 1
    status, _ = server.request("POST", "/v2/repository/models/leaving/unload", b"{}")
    assert status == 200
    wait_until(lambda: scrape(server).value("seen_total", who="leaving") == 0, "the metric to go")


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("metric.increment(-1)", "a counter only grows"),
        ("metric.set(1)", "a counter does not support 'set'; use 'increment'"),
        ("metric.observe(1)", "a counter does not support 'observe'"),
        ("family.Metric(labels=[1])", "Labels must be a dictionary"),
        ("family.Metric(labels={'a': 1})", "labels are texts by name"),
        ("family.Metric(labels={'0': 'x'})", "Invalid label name '0'"),
        ("family.Metric(buckets=[1.0])", "Unexpected buckets found"),
        ("pb_utils.MetricFamily('a b', '', pb_utils.MetricFamily.GAUGE)", "Invalid metric name 'a b'"),
        ("pb_utils.MetricFamily('seen_total', '', pb_utils.MetricFamily.GAUGE)", "with different type"),
        ("pb_utils.MetricFamily('nv_inference_count', '', pb_utils.MetricFamily.GAUGE)", "the server's own"),
        ("pb_utils.MetricFamily('a', 'b', 7)", "expected MetricFamily.COUNTER"),
        ("histogram.Metric()", "Missing required buckets"),
        ("histogram.Metric(buckets=[2, 1])", "strictly sorted"),
        ("histogram.Metric(buckets=(1,))", "Buckets must be a list"),
        ("histogram.Metric(buckets=[1]).value()", "does not support 'value'"),
    ],
)
def test_what_cannot_be_counted_is_refused_with_the_reason(
    server: ServerProcess, code: str, complaint: str
) -> None:
    histogram = "histogram = pb_utils.MetricFamily('h', '', pb_utils.MetricFamily.HISTOGRAM)\n"
    with pytest.raises(InferenceServerException) as caught:
        tell(server, "counting", histogram + code)
    assert complaint in caught.value.message()


def test_a_worker_that_dies_takes_no_counts_with_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    repository = tmp_path_factory.mktemp("dying")
    write_obedient(repository, "dying", initialize=AT_START)
    with ServerProcess(repository, tolerates="ended with exit status 3|is started again") as server:
        tell(server, "dying", "metric.increment(10)")
        with pytest.raises(InferenceServerException):
            tell(server, "dying", "import os; os._exit(3)")
        assert scrape(server).value("seen_total") >= 11
        assert float(tell(server, "dying", "print(metric.value())")) == 12


def test_metrics_can_be_counted_where_nobody_is_shown_them(tmp_path_factory: pytest.TempPathFactory) -> None:
    repository = tmp_path_factory.mktemp("unseen")
    write_obedient(repository, "unseen", initialize=AT_START)
    with ServerProcess(repository, "--allow-metrics=false") as server:
        assert tell(server, "unseen", "print(metric.value())") == "1.0"
