import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from benchmarks import report
from benchmarks.results import Figures, Result
from benchmarks.scenarios import Limit, Resident, Scenario, Side

WHEN = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def result(pairs: Sequence[tuple[Figures, Figures]], *limits: Limit, failure: str | None = None) -> Result:
    scenario = Scenario("identity/grpc/16", Resident(Side.TRILITH), Resident(Side.TRITON), limits)
    return Result(scenario, list(pairs), failure)


def cpu(ours: float, theirs: float) -> tuple[Figures, Figures]:
    return {"cpu_us": ours}, {"cpu_us": theirs}


def test_the_ratio_is_the_median_of_the_pairs_and_not_the_ratio_of_the_medians() -> None:
    measured = result([cpu(10, 100), cpu(90, 100), cpu(40, 200)])
    assert measured.ratio("cpu_us") == pytest.approx(0.2)


def test_a_figure_that_the_peer_lacks_has_no_ratio() -> None:
    assert result([({"cpu_us": 1.0}, {})]).ratio("cpu_us") is None


@pytest.mark.parametrize(("ours", "met"), [(30, True), (31, False)])
def test_a_ratio_at_the_bound_keeps_to_the_limit(ours: float, *, met: bool) -> None:
    (line,) = report.lines(result([cpu(ours, 100)], Limit("cpu_us", 0.3)))
    assert (line.met, line.target) == (met, "<= 0.3")


def test_an_absolute_limit_looks_at_the_subject_alone() -> None:
    pairs = [({"resident_mb": 79.0}, {"resident_mb": 10.0})]
    (line,) = report.lines(result(pairs, Limit("resident_mb", 80, absolute=True)))
    assert line.met is True


def test_throughput_is_to_be_at_least_the_bound() -> None:
    pairs = [({"throughput": 96.0}, {"throughput": 100.0})]
    (line,) = report.lines(result(pairs, Limit("throughput", 0.97, at_least=True)))
    assert (line.met, line.target) == (False, ">= 0.97")


def test_figures_with_a_target_come_first() -> None:
    figures = {"cpu_us": 1.0, "p50_us": 1.0}
    ordered = report.lines(result([(figures, figures)], Limit("p50_us", 0.5)))
    assert [line.figure for line in ordered] == ["p50_us", "cpu_us"]


def test_a_failed_scenario_is_told_and_does_not_spoil_the_page() -> None:
    page = report.markdown([result([], failure="no reply")], {"processor": "p"}, WHEN)
    assert "- identity/grpc/16: no reply" in page
    assert "2026-01-02" in page


def test_missed_names_only_scenarios_that_missed_a_target() -> None:
    good, bad = result([cpu(1, 10)], Limit("cpu_us", 0.3)), result([cpu(9, 10)], Limit("cpu_us", 0.3))
    assert report.missed([good]) == []
    assert report.missed([good, bad, result([cpu(9, 10)])]) == ["identity/grpc/16"]


def test_the_brief_line_names_ratio_and_target() -> None:
    assert report.brief(result([cpu(9, 10)], Limit("cpu_us", 0.3))) == (
        "identity/grpc/16: cpu_us 0.900 (<= 0.3) NOT met"
    )


def test_each_scenario_says_its_target_and_whether_it_was_reached() -> None:
    rows = report.verdicts(
        [
            result([cpu(1, 10)], Limit("cpu_us", 0.3)),
            result([cpu(9, 10)], Limit("cpu_us", 0.3)),
            result([cpu(9, 10)]),
            result([], failure="no reply"),
        ]
    ).splitlines()
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]
    assert [row[2:] for row in cells] == [
        ["<= 0.3", "0.100", "yes"],
        ["<= 0.3", "0.900", "NO"],
        ["none, for the record", "", ""],
        ["", "failed", "NO"],
    ]


def test_the_page_ends_with_the_targets_and_counts_them() -> None:
    good, bad = result([cpu(1, 10)], Limit("cpu_us", 0.3)), result([cpu(9, 10)], Limit("cpu_us", 0.3))
    page = report.markdown([good, bad], {}, WHEN)
    assert "1 of 2 targets reached. Not reached: identity/grpc/16." in page
    assert page.index("## Targets") > page.index("| CPU us/request |")


def test_page_and_document_are_kept_beside_each_other(tmp_path: Path) -> None:
    path = report.write(tmp_path / "results", "today", [result([cpu(1, 10)])], ({"cores": "2"}, WHEN))
    document = json.loads(path.with_suffix(".json").read_text())
    assert document["machine"] == {"cores": "2"}
    assert document["scenarios"][0]["pairs"] == [{"subject": {"cpu_us": 1}, "peer": {"cpu_us": 10}}]
    assert "| CPU us/request |" in path.read_text()
