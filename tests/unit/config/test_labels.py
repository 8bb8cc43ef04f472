from pathlib import Path

import pytest

from trilith.config.draft import empty
from trilith.config.findings import Findings
from trilith.config.labels import read_labels


@pytest.mark.parametrize(
    ("content", "labels"),
    [
        (b"cat\ndog\n", ("cat", "dog")),
        (b"cat\r\ndog", ("cat", "dog")),
        (b"cat\n\nbird\n", ("cat", "", "bird")),
        ("größe\n".encode(), ("größe",)),
        (b"", ()),
    ],
)
def test_each_line_is_the_label_of_its_index(tmp_path: Path, content: bytes, labels: tuple[str, ...]) -> None:
    (tmp_path / "labels.txt").write_bytes(content)
    findings = Findings(empty("m"))

    assert read_labels(tmp_path, {"label_filename": "labels.txt"}, "output[0]", findings) == labels
    assert len(findings) == 0


def test_an_output_without_a_file_has_no_labels(tmp_path: Path) -> None:
    assert read_labels(tmp_path, {"label_filename": ""}, "output[0]", Findings(empty("m"))) == ()


@pytest.mark.parametrize("content", [None, b"\xff\n"])
def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path, content: bytes | None) -> None:
    if content:
        (tmp_path / "labels.txt").write_bytes(content)
    findings = Findings(empty("m"))

    assert read_labels(tmp_path, {"label_filename": "labels.txt"}, "output[0]", findings) == ()
    assert len(findings) == 1
