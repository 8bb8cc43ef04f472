"""What the network for file types is shown, and what is said of its answer."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import identify_file
import pytest

GUESSES = ["0.998240:143:python", "0.001420:13:bazel", "0.000182:89:julia"]


class FakeServer(BaseHTTPRequestHandler):
    """Answers every request with the same guesses, and one without inputs as a server that refuses."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        rows = body["inputs"][0]["shape"][0]
        refused = self.path != "/v2/models/magika/infer" or rows > 2
        answer = {"error": "no such thing"} if refused else {"outputs": [{"data": GUESSES * rows}]}
        self.send_response(400 if refused else 200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), FakeServer) as listener:
        thread = threading.Thread(target=listener.serve_forever, args=(0.01,))
        thread.start()
        yield f"127.0.0.1:{listener.server_port}"
        listener.shutdown()
        thread.join()


def test_a_short_file_is_padded_behind_its_beginning_and_before_its_end() -> None:
    numbers = identify_file.features(b"\n import this \n")
    assert bytes(numbers[:13]) == b"import this \n"
    assert bytes(numbers[-12:]) == b" import this"[-12:]
    assert set(numbers[13:1024]) | set(numbers[1024:-14]) == {256}
    assert len(numbers) == 2048


def test_of_a_long_file_the_first_and_the_last_kilobyte_count() -> None:
    numbers = identify_file.features(b"a" * 3000 + b"x" * 5000 + b"z" * 3000)
    assert bytes(numbers) == b"a" * 1024 + b"z" * 1024


def test_white_space_is_taken_off_one_block_and_no_further() -> None:
    numbers = identify_file.features(b" " * 5000 + b"x" * 10 + b" " * 5000)
    assert set(numbers) == {256}


def test_every_file_gets_a_sentence(server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.py").write_text("import this\n")
    (tmp_path / "b.py").write_text("import that\n")
    status = identify_file.main(["--server", server, str(tmp_path / "a.py"), str(tmp_path / "b.py")])
    lines = capsys.readouterr().out.splitlines()
    assert status == 0
    assert lines[0].endswith("a.py: python (99.8%), then bazel (0.1%), julia (0.0%)")
    assert lines[1].endswith("b.py: python (99.8%), then bazel (0.1%), julia (0.0%)")


def test_the_request_can_be_printed_instead(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.py").write_text("import this\n")
    assert identify_file.main(["--request", str(tmp_path / "a.py")]) == 0
    request = json.loads(capsys.readouterr().out)
    assert request["inputs"][0]["shape"] == [1, 2048]
    assert request["outputs"][0]["parameters"] == {"classification": 3}


def test_a_server_that_refuses_is_quoted(
    server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.py"
    file.write_text("import this\n")
    assert identify_file.main(["--server", server, *[str(file)] * 3]) == 1
    assert capsys.readouterr().err == "The server refused: no such thing\n"


def test_without_a_server_the_way_to_start_one_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.py").write_text("import this\n")
    # Port 9 is the discard service, which nothing offers any more.
    assert identify_file.main(["--server", "127.0.0.1:9", str(tmp_path / "a.py")]) == 1
    assert "start one with 'make serve'" in capsys.readouterr().err


def test_a_file_with_too_little_in_it_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a").write_text("   abc   ")
    with pytest.raises(SystemExit):
        identify_file.main([str(tmp_path / "a")])
    assert "fewer than 8 bytes" in capsys.readouterr().err
