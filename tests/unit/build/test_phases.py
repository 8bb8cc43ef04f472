"""How long phases took."""

from pathlib import Path

import pytest

from trilith.build.phases import Phases, parts_of


def test_phases_add_up_and_short_ones_are_not_worth_a_word() -> None:
    phases = Phases()
    phases.add("build", 2.0, 1.0)
    phases.add("build", 1.0, 3.0)
    phases.add("manifest", 0.01, 0.01)
    assert str(phases) == "time: build 3.0 s (4.0), together 3.0 s (4.0 of the processors)"


def test_a_phase_is_measured_even_if_it_fails() -> None:
    phases = Phases()
    with pytest.raises(OSError, match="absent"), phases("work"):
        Path("absent").read_bytes()
    assert list(phases.told) == ["work"]


def test_the_parts_of_a_script_are_what_lies_between_its_marks(tmp_path: Path) -> None:
    marks = tmp_path / "times"
    marks.write_text("100.5 0.10 start\n101.5 1.10 sources\n110.5 18.10 the extension\n")
    assert [(name, round(clock, 3), round(used, 3)) for name, clock, used in parts_of(marks)] == [
        ("sources", 1.0, 1.0),
        ("the extension", 9.0, 17.0),
    ]


def test_a_file_of_marks_that_cannot_be_read_tells_nothing(tmp_path: Path) -> None:
    (tmp_path / "times").write_text("what\n")
    assert parts_of(tmp_path / "times") == parts_of(tmp_path / "absent") == []
