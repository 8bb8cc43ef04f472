"""A server on loopback that hands out files, and does what servers do on bad days."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NOT_FOUND, NOT_ALLOWED, PARTIAL, WHOLE = 404, 401, 206, 200


@dataclass
class Files:
    """What is handed out, and how."""

    address: str = ""
    content: dict[str, bytes] = field(default_factory=dict)
    cut_after: dict[str, int] = field(default_factory=dict)
    """Bytes after which the connection breaks, once, by path."""
    always_cut: bool = False
    silent: threading.Event | None = None
    """Nothing is answered before this is set."""
    wanted: str = ""
    """What ``Authorization`` must be; nothing is handed out to others."""
    asked: Counter[str] = field(default_factory=Counter)
    ranges: list[str] = field(default_factory=list)

    def greeting(self, headers: Message) -> int:
        """Return the status that somebody is answered who asks for no content."""
        return WHOLE if self.admits(headers) else NOT_ALLOWED

    def handed(self, path: str, headers: Message) -> bytes | int:
        """Return what somebody is handed who asks for a path, or the status of a refusal."""
        return self.content.get(path, NOT_FOUND) if self.admits(headers) else NOT_ALLOWED

    def kept_waiting(self) -> bool:
        """Keep somebody waiting, where nothing is answered."""
        return self.silent is not None and (self.silent.wait(60) or True)

    def admits(self, headers: Message) -> bool:
        """Say whether somebody is handed anything."""
        return not self.wanted or headers.get("Authorization") == self.wanted


def _handler(files: Files) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            files.asked[self.path] += 1
            if files.kept_waiting():
                self.close_connection = True
                return
            content = files.handed(self.path, self.headers)
            if isinstance(content, int):
                self.send_error(content)
                return
            self._send(content, self.headers.get("Range", ""))

        def do_HEAD(self) -> None:
            self.send_response(files.greeting(self.headers))
            self.end_headers()

        def _send(self, content: bytes, span: str) -> None:
            start = int(span.removeprefix("bytes=").rstrip("-")) if span else 0
            if span:
                files.ranges.append(span)
            if start >= len(content) > 0 and span:
                self.send_error(416)
                return
            rest = content[start:]
            self.send_response(PARTIAL if span else WHOLE)
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            cut = files.cut_after.get(self.path) if files.always_cut else files.cut_after.pop(self.path, None)
            self.wfile.write(rest if cut is None else rest[:cut])
            if cut is not None:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


@contextmanager
def serving() -> Iterator[Files]:
    """Serve files until the end."""
    files = Files()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(files))
    files.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield files
    finally:
        if files.silent:
            files.silent.set()
        server.shutdown()
        server.server_close()
        thread.join()
