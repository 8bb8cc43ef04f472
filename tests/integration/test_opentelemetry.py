"""Traces in an OpenTelemetry collector: spans, their names, and the traces of clients that they continue."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.certificates import Authority
from support.collector import Collector
from support.server import ServerProcess, run_to_end
from support.traces import ask, settings, write_traced_models

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
# The HTTP client adds its own to the headers that it is given.
HEADERS = {"traceparent": f"00-{TRACE}-{CALLER}-01", "tracestate": "vendor=1"}
ON = ("--trace-config=mode=opentelemetry", "--trace-config=level=TIMESTAMPS")
SOON = "--trace-config=opentelemetry,bsp_schedule_delay=50"


def to(url: str, *more: str) -> tuple[str, ...]:
    return (*ON, SOON, f"--trace-config=opentelemetry,url={url}", *more)


@pytest.fixture(scope="module")
def repository(isolation: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_traced_models(tmp_path_factory.mktemp("spans"), isolation)


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as listening:
        yield listening


def attributes(span: Any) -> dict[str, str | int]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in span.attributes}


def events(span: Any) -> list[str]:
    return [event.name for event in span.events]


@pytest.mark.parametrize("kind", ["http", "grpc"])
def test_a_request_is_three_spans_that_continue_the_client_s(
    repository: Path, collector: Collector, kind: str
) -> None:
    resource = "--trace-config=opentelemetry,resource=service.version=7"
    with ServerProcess(repository, *to(collector.url, "--trace-config=rate=0", resource)) as server:
        ask(server, kind)
        ask(server, kind, headers=dict(HEADERS), request_id="mine")
        spans = {span.name: span for span in collector.wait_for(3)}
    assert set(spans) == {"InferRequest", "doubling", "compute"}, "only what continues a trace is traced"
    root, request, compute = spans["InferRequest"], spans["doubling"], spans["compute"]
    assert {span.trace_id.hex() for span in spans.values()} == {TRACE}
    assert {span.trace_state for span in spans.values()} == {"vendor=1"}
    assert root.parent_span_id.hex() == CALLER
    assert (request.parent_span_id, compute.parent_span_id) == (root.span_id, request.span_id)
    door = (
        ["HTTP_RECV_START", "HTTP_RECV_END"]
        if kind == "http"
        else ["GRPC_WAITREAD_START", "GRPC_WAITREAD_END"]
    )
    send = [f"{kind.upper()}_SEND_START", f"{kind.upper()}_SEND_END"]
    assert events(root) == [*door, "INFER_RESPONSE_COMPLETE", *send]
    assert events(request) == ["REQUEST_START", "QUEUE_START", "REQUEST_END"]
    assert events(compute) == ["COMPUTE_START", "COMPUTE_INPUT_END", "COMPUTE_OUTPUT_START", "COMPUTE_END"]
    told = attributes(request)
    number = told.pop("triton.trace_id")
    assert isinstance(number, int)
    assert told == {
        "triton.model_name": "doubling",
        "triton.model_version": 1,
        "triton.trace_parent_id": 0,
        "triton.request_id": "mine",
    }
    for span in spans.values():
        assert span.kind == span.SPAN_KIND_SERVER
        assert root.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
    assert collector.resource == {"service.name": "triton-inference-server", "service.version": "7"}


def test_a_trace_goes_on_into_requests_that_a_model_makes(repository: Path, collector: Collector) -> None:
    with ServerProcess(repository, *to(collector.url, "--trace-config=rate=1")) as server:
        result = ask(server, "grpc", "handing_on", headers=dict(HEADERS))
        # The call on the model's own account is not traced.
        spans = collector.wait_for(5)
    context = json.loads(result.get_response().parameters["context"].string_param)
    by_name = {span.name: span for span in spans}
    assert sorted(span.name for span in spans) == [
        "InferRequest",
        "compute",
        "compute",
        "doubling",
        "handing_on",
    ]
    outer, inner = by_name["handing_on"], by_name["doubling"]
    assert context == {
        "traceparent": f"00-{TRACE}-{outer.span_id.hex()}-01",
        "tracestate": "vendor=1",
    }
    assert inner.parent_span_id == outer.span_id
    assert attributes(inner)["triton.trace_parent_id"] == attributes(outer)["triton.trace_id"]


def test_without_a_client_s_trace_a_new_one_begins_at_the_rate(
    repository: Path, collector: Collector
) -> None:
    with ServerProcess(repository, *to(collector.url, "--trace-config=rate=2")) as server:
        for _ in range(4):
            ask(server, "http")
    roots = [span for span in collector.wait_for(6) if span.name == "InferRequest"]
    assert len(roots) == 2
    assert len({span.trace_id for span in roots}) == 2
    assert all(not span.parent_span_id for span in roots)


def test_a_header_that_is_no_trace_context_costs_nothing(repository: Path, collector: Collector) -> None:
    with ServerProcess(repository, *to(collector.url, "--trace-config=rate=0")) as server:
        assert ask(server, "http", headers={"traceparent": "00-nonsense"}) is not None
    assert collector.spans == []


def test_the_settings_show_where_traces_go(repository: Path, collector: Collector) -> None:
    with ServerProcess(repository, *to(collector.url, "--trace-config=rate=5")) as server:
        status, shown = settings(server, "/v2/trace/setting")
        changed = settings(server, "/v2/models/doubling/trace/setting", {"trace_rate": "9"})
        refused = settings(server, "/v2/trace/setting", {"url": "http://other"})
    assert (status, shown) == (
        200,
        {
            "trace_level": ["TIMESTAMPS"],
            "trace_rate": "5",
            "trace_count": "-1",
            "trace_mode": "opentelemetry",
            "url": collector.url,
            "bsp_max_queue_size": "2048",
            "bsp_schedule_delay": "50",
            "bsp_max_export_batch_size": "512",
        },
    )
    assert changed == (200, {**shown, "trace_rate": "9"})
    assert refused[0] == 501


def test_a_collector_that_takes_nothing_costs_no_request(repository: Path) -> None:
    with Collector(503, retry_after="0") as listening:
        assert "503" in ask_in_vain(repository, listening.url)
        assert len(listening.headers) == 5, "as often as it may be asked"


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_collector_that_is_busy_is_told_again(repository: Path, status: int) -> None:
    with (
        Collector(status, status, 200, retry_after="0") as listening,
        ServerProcess(repository, *to(listening.url, "--trace-config=rate=1")) as server,
    ):
        ask(server, "http")
        assert len(listening.wait_for(3)) == 3
        assert len(listening.headers) == 3


def test_a_collector_that_refuses_is_not_told_again(repository: Path) -> None:
    with Collector(400, retry_after="0") as listening:
        assert "400" in ask_in_vain(repository, listening.url)
        assert len(listening.headers) == 1


def test_a_collector_is_told_over_tls_and_who_tells_it(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(authority.certificate))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20secret")
    with Collector(certificate=authority.issue("collector")) as listening:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", listening.url.removesuffix("/v1/traces"))
        with ServerProcess(repository, *ON, SOON, "--trace-config=rate=1") as server:
            ask(server, "http")
            listening.wait_for(3)
        assert listening.headers[0]["api-key"] == "a secret"


def test_a_collector_that_nobody_vouches_for_is_told_nothing(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(Authority(tmp_path).certificate))
    with Collector(certificate=Authority(tmp_path / "other").issue("collector")) as listening:
        assert "certificate" in ask_in_vain(repository, listening.url)
        assert listening.headers == []


def test_a_collector_that_is_not_there_costs_no_request(repository: Path) -> None:
    # Bound, so that nobody else takes the port, and deaf.
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        assert "refused" in ask_in_vain(repository, f"http://127.0.0.1:{deaf.getsockname()[1]}/v1/traces")


def ask_in_vain(repository: Path, url: str) -> str:
    """Ask a server whose traces nobody takes; what its log says of it."""
    lost = "takes no traces, they are lost|traces could not be sent"
    with ServerProcess(repository, *to(url, "--trace-config=rate=1"), tolerates=lost) as server:
        assert ask(server, "http").as_numpy("OUTPUT0").tolist() == [[3.0, 4.0]]
        return server.wait_for_log("takes no traces, they are lost")


def test_an_address_that_cannot_be_ends_the_start(repository: Path) -> None:
    status, log = run_to_end(repository, *ON, "--trace-config=opentelemetry,url=grpc://localhost:4317")
    assert status == 1
    assert "grpc is not spoken, only http and https are" in log


def test_certificates_that_cannot_be_read_end_the_start(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(tmp_path / "nowhere.pem"))
    status, log = run_to_end(repository, *ON, "--trace-config=opentelemetry,url=https://localhost:4318")
    assert status == 1
    assert "nowhere.pem' cannot be used" in log
