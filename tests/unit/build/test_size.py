"""How large a result is."""

from pathlib import Path

import pytest

from support.images import FILES, make_result, settings
from support.results import make_server
from trilith.build.image import Content, Destination, assemble, write
from trilith.build.problems import BuildError
from trilith.build.size import BASE, measure, parse_size, show
from trilith.build.verifying.subject import open_subject
from trilith.cli.main import main


def test_bricks_are_measured(tmp_path: Path) -> None:
    make_result(tmp_path)
    with open_subject(tmp_path, catalogue="trilith") as subject:
        size = measure(subject)
    assert size.bricks["backend.one"] == len(FILES["lib/parts/one.py"][1])
    assert size.total == sum(len(data) for _, data in FILES.values())


def test_the_system_below_an_image_counts(tmp_path: Path) -> None:
    root = make_server(tmp_path / "result")
    with open_subject(root) as subject:
        content = Content(root, subject.manifest)
    write(
        Destination("oci", tmp_path / "image"),
        lambda blobs: assemble(content, settings(root="/opt/trilith"), None, blobs),
    )
    with open_subject(tmp_path / "image") as subject:
        size = measure(subject)
    assert size.bricks[BASE] > 0
    assert size.bricks["backend.identity"] == len(b"code")


@pytest.mark.parametrize(
    ("text", "bytes_"), [("150MB", 150_000_000), ("1.5 GiB", 3 << 29), ("7", 7), ("2k", 2000), ("3kB", 3000)]
)
def test_sizes_are_read(text: str, bytes_: int) -> None:
    assert parse_size(text) == bytes_


@pytest.mark.parametrize("text", ["", "MB", "-1MB", "1XB", "1,5MB"])
def test_what_is_no_size_is_explained(text: str) -> None:
    with pytest.raises(BuildError, match="expected a size such as 150MB"):
        parse_size(text)


def test_sizes_are_shown_as_disks_are_sold() -> None:
    assert [show(size) for size in (999, 1500, 2_500_000, 3_000_000_000)] == [
        "999 B",
        "1.5 kB",
        "2.5 MB",
        "3.0 GB",
    ]


def test_the_gate_closes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = make_server(tmp_path / "result")
    assert main(["build", "size", str(root), "--max-size=1MB", "--packages"]) == 0
    assert main(["build", "size", str(root), "--max-size=100B"]) == 1
    assert "more than --max-size=100B" in capsys.readouterr().err
