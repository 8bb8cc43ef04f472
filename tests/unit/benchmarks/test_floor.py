from pathlib import Path

from benchmarks import floor


def test_the_answer_of_the_floor_says_how_long_it_is(tmp_path: Path) -> None:
    path = floor.write_answer(tmp_path / "answer", b"abc")
    head, _, body = path.read_bytes().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Content-Length: 3" in head
    assert body == b"abc"
