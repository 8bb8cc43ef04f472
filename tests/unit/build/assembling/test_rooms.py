"""Folders that a build uses."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from trilith.build import BuildError, Plan, emit
from trilith.build.assembling.rooms import ROOM, bundle_room, refuse_foreign

Planned = Callable[..., Plan]


def complaints(plan: Plan) -> str:
    with pytest.raises(BuildError) as caught:
        refuse_foreign(plan)
    return str(caught.value)


def test_folders_of_others_are_not_replaced(planned: Planned, tmp_path: Path) -> None:
    build, root = tmp_path / "b", tmp_path / "mine"
    (build / "source").mkdir(parents=True)
    root.mkdir()
    (root / "letter").touch()
    line = f"--endpoint=http --build-dir={build} --install-dir={root}"
    assert complaints(planned(line, "trilith")) == (
        f"{build}: holds 'source', which no build made and a build would replace; "
        "name another folder with --build-dir\n"
        f"{root}: holds files that no build made, and a result would replace them; "
        "name a folder of its own with --install-dir"
    )


def test_a_result_does_not_replace_the_folder_it_is_built_in(planned: Planned, tmp_path: Path) -> None:
    line = f"--endpoint=http --build-dir={tmp_path}/a/b --install-dir={tmp_path}/a"
    assert "the build folder lies in it" in complaints(planned(line, "trilith"))


def test_what_builds_made_before_is_replaced(planned: Planned, tmp_path: Path) -> None:
    build, root = tmp_path / "b", tmp_path / "result"
    (build / "source").mkdir(parents=True)
    (build / ".claim").touch()
    (root / "share" / "trilith").mkdir(parents=True)
    refuse_foreign(planned(f"--endpoint=http --build-dir={build} --install-dir={root}", "trilith"))


def test_the_script_refuses_too_when_it_is_run_by_hand(planned: Planned, tmp_path: Path) -> None:
    script, root = tmp_path / "brick_build", tmp_path / "größe of mine"
    root.mkdir()
    (root / "letter").touch()
    script.write_text(emit(planned("--endpoint=http", "trilith"))["brick_build"].text)
    folders = {"BUILD_DIR": str(tmp_path / "b"), "INSTALL_DIR": str(root), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        ["bash", str(script)], env=folders, capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 1
    assert f"{root} holds files that no build made" in done.stderr
    assert (root / "letter").exists()


def test_the_room_of_a_bundle_goes_with_what_was_made_for_it(tmp_path: Path) -> None:
    with bundle_room(tmp_path / "a" / "b") as room:
        room.mkdir()
        (room / "file").touch()
    assert list(tmp_path.iterdir()) == []


def test_what_a_build_left_stays_and_what_a_killed_one_left_goes(tmp_path: Path) -> None:
    (tmp_path / ROOM / "blobs").mkdir(parents=True)
    with bundle_room(tmp_path) as room:
        assert not room.exists()
        (tmp_path / "opt").mkdir()
    assert [path.name for path in tmp_path.iterdir()] == ["opt"]


def test_two_bundles_do_not_meet(tmp_path: Path) -> None:
    with bundle_room(tmp_path) as room:
        room.mkdir()
        with (
            pytest.raises(BuildError, match=r"another build uses .*; wait for it, or name another"),
            bundle_room(tmp_path),
        ):
            pass
        assert room.is_dir()
