"""An OpenTelemetry collector that keeps what it is sent: real OTLP, decoded by the project's own messages."""

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from support.certificates import Pair

WAIT_SECONDS = 60.0


class Collector:
    """Listens on a free port; a context manager."""

    def __init__(self, *statuses: int, retry_after: str = "", certificate: Pair | None = None) -> None:
        """Listen.

        Args:
            statuses: what messages are answered with, one after the other and then always as the last one.
            retry_after: when a message is to be sent again that is not taken, in seconds.
            certificate: by which it shows who it is, over TLS.
        """
        self.spans: list[Any] = []
        self.headers: list[dict[str, str]] = []
        self.resource: dict[str, str] = {}
        self._news = threading.Condition()
        outer = self
        answers = list(statuses) or [200]

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert (self.path, self.headers["Content-Type"]) == ("/v1/traces", "application/x-protobuf")
                status = answers.pop(0) if len(answers) > 1 else answers[0]
                outer._keep(body if status < 300 else b"", dict(self.headers))
                self.send_response(status)
                if retry_after:
                    self.send_header("Retry-After", retry_after)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.certificate, certificate.key)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
            scheme = "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}/v1/traces"
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

    def _keep(self, body: bytes, headers: dict[str, str]) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        with self._news:
            self.headers.append(headers)
            for resource in request.resource_spans:
                pairs = resource.resource.attributes
                self.resource = {pair.key: pair.value.string_value for pair in pairs}
                for scope in resource.scope_spans:
                    assert scope.scope.name == "triton-server"
                    self.spans.extend(scope.spans)
            self._news.notify_all()
