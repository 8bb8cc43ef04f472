"""Installed bricks are found without importing them."""

import sys
from pathlib import Path

import pytest

from trilith.contract import BrickKind, LoadError
from trilith.runtime.bricks import Brick, discover

MANIFEST = """
[brick]
name = "strange"
kind = "backend"
description = "A stranger"
python_requirements = ["sphinx>=99"]
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages, with one brick of a stranger whose code must not run."""
    package = tmp_path / "stranger_of_tests" / "inner"
    package.mkdir(parents=True)
    for folder in (package.parent, package):
        (folder / "__init__.py").write_text("raise ImportError('no module named sphinx')")
    (package / "brick.toml").write_text(MANIFEST)
    enter(tmp_path, "backend.strange = stranger_of_tests.inner:Strange")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def enter(site: Path, *lines: str, package: str = "stranger") -> None:
    folder = site / f"{package}-1.0.dist-info"
    folder.mkdir(exist_ok=True)
    text = "\n".join(
        ["[console_scripts]", "x = y:z", "", "[trilith.bricks]", *lines, "", "[other]", "a = b:c"]
    )
    (folder / "entry_points.txt").write_text(text)


def test_a_brick_is_found_without_its_code_being_run(site: Path) -> None:
    catalogue = discover([str(site)])
    assert catalogue.problems == ()
    brick = catalogue.of_kind(BrickKind.BACKEND)["strange"]
    assert brick.manifest.description == "A stranger"
    assert brick.entry == "stranger_of_tests.inner:Strange"
    assert "stranger_of_tests" not in sys.modules


def test_a_brick_that_cannot_be_imported_says_what_it_requires(site: Path) -> None:
    brick = discover([str(site)]).bricks[0]
    with pytest.raises(LoadError) as caught:
        brick.make()
    assert str(caught.value) == (
        "backend 'strange' cannot be used: ImportError: no module named sphinx; it requires sphinx>=99"
    )


def test_only_its_own_group_of_entry_points_is_read(site: Path) -> None:
    assert [brick.entry for brick in discover([str(site)]).bricks] == ["stranger_of_tests.inner:Strange"]


def test_the_first_on_the_path_wins(site: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    enter(other, "backend.strange = nowhere:Strange")
    catalogue = discover([str(site), str(other)])
    assert len(catalogue.bricks) == 1
    assert catalogue.problems == ()


def test_another_installation_of_the_same_distribution_brings_no_brick(site: Path, tmp_path: Path) -> None:
    """A trimmed server is run by a Python that has the whole one installed: what was left out stays out."""
    other = tmp_path / "other"
    other.mkdir()
    enter(other, "backend.left_out = stranger_of_tests.gone:Gone", package="Stranger")
    catalogue = discover([str(site), str(other)])
    assert [brick.manifest.name for brick in catalogue.bricks] == ["strange"]
    assert catalogue.problems == ()


def test_a_brick_without_manifest_is_a_problem_and_the_others_are_found(site: Path) -> None:
    enter(site, "backend.gone = gone_of_tests:Gone", package="gone")
    catalogue = discover([str(site)])
    assert [brick.manifest.name for brick in catalogue.bricks] == ["strange"]
    assert "backend.gone" in str(catalogue.problems[0])


def test_a_manifest_must_agree_with_its_entry_point(site: Path) -> None:
    enter(site, "backend.other = stranger_of_tests.inner:Strange")
    message = str(discover([str(site)]).problems[0])
    assert "'backend.other'" in message
    assert "'backend.strange'" in message


def test_a_manifest_may_lie_beside_a_plain_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "plain_of_tests.py").write_text("class Plain: pass")
    (tmp_path / "brick.toml").write_text(MANIFEST.replace("strange", "plain"))
    enter(tmp_path, "backend.plain = plain_of_tests:Plain")
    brick = discover([str(tmp_path)]).bricks[0]
    assert type(brick.make()).__name__ == "Plain"


def test_folders_of_the_path_that_are_not_there_are_passed_over(site: Path) -> None:
    assert len(discover([str(site / "nowhere"), str(site)]).bricks) == 1


def test_the_bricks_of_this_repository_have_manifests_that_agree() -> None:
    import tomllib  # noqa: PLC0415

    from trilith.runtime.bricks import _read_brick  # noqa: PLC0415

    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    entries: dict[str, str] = project["project"]["entry-points"]["trilith.bricks"]
    bricks = [_read_brick(name, entry) for name, entry in entries.items()]
    assert all(isinstance(brick, Brick) for brick in bricks)
