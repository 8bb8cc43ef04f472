"""An OpenTelemetry collector that keeps what it is sent: real OTLP, decoded by the project's own messages."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

WAIT_SECONDS = 60.0


class Collector:
    """Listens on a free port; a context manager."""

    def __init__(self, status: int = 200) -> None:
        """Listen.

        Args:
            status: what every message is answered with.
        """
        self.spans: list[Any] = []
        self.resource: dict[str, str] = {}
        self._news = threading.Condition()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert (self.path, self.headers["Content-Type"]) == ("/v1/traces", "application/x-protobuf")
                outer._keep(body)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1/traces"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait_for(self, count: int) -> list[Any]:
        """Wait for so many spans; all that came."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.spans) >= count, WAIT_SECONDS), self.spans
            return list(self.spans)

    def _keep(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        with self._news:
            for resource in request.resource_spans:
                pairs = resource.resource.attributes
                self.resource = {pair.key: pair.value.string_value for pair in pairs}
                for scope in resource.scope_spans:
                    assert scope.scope.name == "triton-server"
                    self.spans.extend(scope.spans)
            self._news.notify_all()
