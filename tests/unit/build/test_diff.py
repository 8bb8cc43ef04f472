"""What differs between two builds."""

from pathlib import Path

import pytest

from support.results import PARTS, make_server
from trilith.build.diff import compare, diff
from trilith.build.problems import BuildError
from trilith.cli.main import main


def test_a_build_does_not_differ_from_itself(tmp_path: Path) -> None:
    assert diff(make_server(tmp_path / "a"), make_server(tmp_path / "b")) == []


def test_bricks_files_and_plans_are_compared(tmp_path: Path) -> None:
    before = make_server(tmp_path / "a")
    after = make_server(tmp_path / "b", (*PARTS[:-1], "backend.python"))
    lines = [str(item) for item in diff(before, after)]
    assert "- brick backend.identity: there" in lines
    assert "+ brick backend.python: there" in lines
    assert any(line.startswith("+ file lib/backend.python: 4 bytes") for line in lines)
    assert any(line.startswith("- plan parts[backend.identity]: ") for line in lines)


def test_locks_are_compared_item_by_item(tmp_path: Path) -> None:
    text = '[[git]]\nname = "{}"\ncommit = "{}"\n[[git]]\nname = "same"\ncommit = "3"\n'
    for name, values in (("a.lock", ("x", "1")), ("b.lock", ("x", "2"))):
        (tmp_path / name).write_text(text.format(*values))
    assert [str(item) for item in diff(tmp_path / "a.lock", tmp_path / "b.lock")] == [
        "~ lock git[x].commit: 1 -> 2"
    ]


def test_an_item_that_is_new_is_one_line_with_its_version() -> None:
    wheel = {"name": "numpy", "use": "run", "version": "2.4.6", "tags": ["a", "b"], "sha256": "ff"}
    found = compare("lock", {"wheel": []}, {"wheel": [wheel], "target": {"machine": "x86_64"}})
    assert [str(item) for item in found] == ["+ lock target: there", "+ lock wheel[numpy run]: 2.4.6"]
    more = {**wheel, "tags": ["a", "c"]}
    assert [str(item) for item in compare("lock", {"wheel": [wheel]}, {"wheel": [more]})] == [
        "- lock wheel[numpy run].tags: b",
        "+ lock wheel[numpy run].tags: c",
    ]


def test_two_versions_of_one_name_are_two_items() -> None:
    one, two, three = ({"name": "leaf", "version": str(number)} for number in (1, 2, 3))
    found = compare("lock", {"crate": [one, two]}, {"crate": [one, three]})
    assert [str(item) for item in found] == ["- lock crate[leaf 2]: 2", "+ lock crate[leaf 3]: 3"]


def test_an_item_that_moved_is_no_difference() -> None:
    one, two = {"name": "a", "v": 1}, {"name": "b", "v": 2}
    assert list(compare("lock", {"list": [one, two]}, {"list": [two, one]})) == []


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("= no lock")
    with pytest.raises(BuildError, match="cannot be read"):
        diff(tmp_path / "a", tmp_path / "a")


def test_the_command_says_how_much_was_added(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = make_server(tmp_path / "a"), make_server(tmp_path / "b", PARTS[:-1])
    assert main(["build", "diff", str(before), str(after), "--no-files"]) == 1
    shown = capsys.readouterr().out
    assert "- brick backend.identity" in shown
    assert "2 files differ" in shown
    assert main(["build", "diff", str(before), str(before)]) == 0
