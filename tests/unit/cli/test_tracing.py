"""From ``--trace-config`` and the older flags to what is traced."""

import pytest

from trilith.cli.flags import FLAGS
from trilith.cli.options import UsageError, build_options
from trilith.cli.parse import parse
from trilith.server.options import ServerOptions, TraceOptions

FILE = "--trace-config=triton,file=a,b=c.json"


def build(*words: str) -> ServerOptions:
    return build_options(parse(["--model-repository=models", *words], FLAGS), "trilith serve models")


def test_nothing_is_traced_unless_it_is_asked_for() -> None:
    assert build().trace == TraceOptions()
    assert build().trace.rate == 1000
    assert build().trace.count is None


def test_settings_are_read_by_triton_s_names() -> None:
    options = build(
        FILE,
        "--trace-config=level=TIMESTAMPS",
        "--trace-config=level=tensors",
        "--trace-config",
        "rate=5",
        "--trace-config=count=7",
        "--trace-config=mode=triton",
        "--trace-config=TRITON,log-frequency=9",
    )
    assert options.trace == TraceOptions(
        timestamps=True, tensors=True, rate=5, count=7, log_frequency=9, file="a,b=c.json"
    )
    assert options.notes == ()


def test_the_older_flags_say_the_same_and_yield_to_the_newer() -> None:
    options = build(
        "--trace-file=old.json", "--trace-level=MAX", "--trace-rate=2", "--trace-count=-1",
        "--trace-log-frequency=3", "--trace-config=rate=4",
    )  # fmt: skip
    assert options.trace == TraceOptions(timestamps=True, rate=4, log_frequency=3, file="old.json")
    assert "--trace-file is deprecated; use --trace-config=triton,file=FILE" in options.notes


@pytest.mark.parametrize("word", ["OFF", "false"])
def test_off_prevails_over_whatever_else_is_said(word: str) -> None:
    trace = build(FILE, "--trace-config=level=TIMESTAMPS", f"--trace-config=level={word}").trace
    assert not trace.timestamps
    assert not trace.tensors


@pytest.mark.parametrize(
    ("words", "note"),
    [
        (["--trace-config=level=TENSORS"], "no file is named"),
        ([FILE, "--trace-config=level=TENSORS", "--trace-config=rate=0"], "rate=0 takes no request"),
    ],
)
def test_what_leads_nowhere_is_said(words: list[str], note: str) -> None:
    assert any(note in line for line in build(*words).notes)


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("level=loud", "expected TIMESTAMPS, TENSORS or OFF"),
        ("rate=-1", "expected a whole number from 0 to 4294967295"),
        ("count=-2", "expected a whole number from -1 to 2147483647"),
        ("count=many", "expected a whole number from -1"),
        ("mode=loud", "expected triton or opentelemetry"),
        ("opentelemetry,bsp_max_queue_size=0", "expected a whole number from 1"),
        ("opentelemetry,resource=x", "expected SETTING=VALUE"),
        ("triton,fil=x", "unknown setting; did you mean triton,file?"),
        ("levl=OFF", "unknown setting; did you mean level?"),
        ("jaeger,url=x", "unknown mode 'jaeger'; there are triton, opentelemetry"),
        ("rate", "expected NAME,SETTING=VALUE"),
    ],
)
def test_a_setting_that_cannot_be_is_named(word: str, problem: str) -> None:
    with pytest.raises(UsageError) as caught:
        build(f"--trace-config={word}")
    assert f"--trace-config={word}: " in str(caught.value)
    assert problem in str(caught.value)


def test_a_mistake_in_an_older_flag_names_that_flag() -> None:
    with pytest.raises(UsageError, match="--trace-rate=fast: expected a whole number"):
        build("--trace-rate=fast")


def test_a_collector_is_told_of_by_flags_and_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "70")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "600")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=from outside, host = here ,nonsense")
    collector = build(
        "--trace-config=mode=opentelemetry",
        "--trace-config=opentelemetry,url=http://a:1/b",
        "--trace-config=opentelemetry,resource=service.version=1=2",
        "--trace-config=opentelemetry,bsp_max_queue_size=900",
    ).trace.collector
    assert (collector.url, collector.most_waiting, collector.delay_ms) == ("http://a:1/b", 900, 70)
    assert collector.most_sent == 512
    assert dict(collector.resource) == {
        "service.name": "from outside",
        "host": "here",
        "service.version": "1=2",
    }
    assert dict(collector.shown) == {
        "url": "http://a:1/b",
        "resource": "service.version=1=2",
        "bsp_max_queue_size": "900",
        "bsp_schedule_delay": "70",
        "bsp_max_export_batch_size": "512",
    }


def test_a_collector_is_found_and_told_who_speaks_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "https://a:4318/")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "general=1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "key=a%20b%3D, other = x ,nonsense")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", "roots.pem")
    collector = build("--trace-config=mode=opentelemetry").trace.collector
    assert collector.url == "https://a:4318/v1/traces"
    assert collector.headers == (("key", "a b="), ("other", "x"))
    assert collector.certificate == "roots.pem"
    assert "key" not in dict(collector.shown)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://b/c")
    assert build("--trace-config=mode=opentelemetry").trace.collector.url == "http://b/c"
    assert build("--trace-config=opentelemetry,url=http://d/e").trace.collector.url == "http://d/e"


def test_a_batch_must_fit_into_the_queue_and_the_environment_is_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "many")
    with pytest.raises(UsageError) as caught:
        build("--trace-config=opentelemetry,bsp_max_queue_size=5")
    assert "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=many: expected a whole number" in str(caught.value)
    assert "bsp_max_export_batch_size is over bsp_max_queue_size" in str(caught.value)


def test_tensors_have_no_place_in_spans() -> None:
    words = ("--trace-config=mode=opentelemetry", "--trace-config=level=TENSORS")
    assert "the trace level TENSORS has no effect in mode opentelemetry" in build(*words).notes
