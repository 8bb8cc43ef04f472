"""Send a request as part of a trace of one's own, and print the spans that the server makes of it.

::

    TRACE="--trace-config=mode=opentelemetry --trace-config=level=TIMESTAMPS --trace-config=rate=0"
    trilith serve examples/repository $TRACE
    python examples/follow_a_trace.py

A collector (Jaeger, the OpenTelemetry collector) would take the place of the few lines here that listen.
Needs the package `opentelemetry-proto` to decode the spans, and otherwise the standard library alone.
"""

import argparse
import http.client
import json
import secrets
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

SPANS = 3
"""Of one request: the endpoint's, the model's, and that of its run."""


class Receiver(BaseHTTPRequestHandler):
    """Keeps the spans of one message."""

    spans: list[Any] = []  # noqa: RUF012  one list for all requests is what is wanted

    def do_POST(self) -> None:
        """Take a message."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                self.spans.extend(scope.spans)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def ask(server: str, trace: str, span: str) -> None:
    """Send a request that says which trace and span it comes from."""
    tensors = [
        {"name": name, "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 4]}
        for name in ("INPUT0", "INPUT1")
    ]
    connection = http.client.HTTPConnection(server)
    headers = {"traceparent": f"00-{trace}-{span}-01"}
    connection.request("POST", "/v2/models/add_sub/infer", json.dumps({"inputs": tensors}), headers)
    response = connection.getresponse()
    answer = response.read().decode()
    connection.close()
    if response.status != http.client.OK:
        raise SystemExit(json.loads(answer)["error"])


def main() -> None:
    """Listen, ask, and print what comes."""
    parser = argparse.ArgumentParser(description="Follow a request through the server, as spans.")
    parser.add_argument("--server", default="localhost:8000", help="where it listens")
    parser.add_argument("--port", type=int, default=4318, help="where to listen for spans")
    given = parser.parse_args()
    receiver = HTTPServer(("localhost", given.port), Receiver)
    trace, span = secrets.token_hex(16), secrets.token_hex(8)
    ask(given.server, trace, span)
    while len(Receiver.spans) < SPANS:
        receiver.handle_request()
    names = {span.span_id.hex(): span.name for span in Receiver.spans} | {span: "this script"}
    for one in sorted(Receiver.spans, key=lambda one: one.start_time_unix_nano):
        microseconds = (one.end_time_unix_nano - one.start_time_unix_nano) / 1000
        print(f"{one.name} in {names[one.parent_span_id.hex()]}: {microseconds:.0f} us")


if __name__ == "__main__":
    main()
